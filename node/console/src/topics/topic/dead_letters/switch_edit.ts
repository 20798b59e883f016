// The dead-letter switch as a form: what is in force, what was typed over it, what that would do, and
// the server's objections as the fields they are about. What a switch may be is the server's to say.
import type {
  DeadLetterDescription,
  DeadLetterSettings,
  SetDeadLetterRequest,
} from "../../../api/dead_letters";
import type { ProblemDetails } from "../../../api/problem";
import { wholeNumber } from "../../../components/field";
import { sentence } from "../../../components/problem_notice";
import { read, written } from "../../../duration";

export interface SwitchForm {
  enabled: boolean;
  attempts: string;
  delay_ms: string;
  backoff: string;
  delay_ms_max: string;
  topic: string;
}

export type SwitchField = keyof SwitchForm;
export type Edits = Partial<SwitchForm>;
export type Objections = Partial<Record<SwitchField, string>>;

const GROUP_KEY = "rampart.dead.letter.group.";

/** What is in force for a group, or for the topic where none is named. */
export function inForce(
  described: DeadLetterDescription,
  group: string | undefined,
): { settings: DeadLetterSettings; isOwn: boolean } {
  const own = group === undefined ? undefined : described.groups?.[group];
  const isOwn = own !== undefined || (group === undefined && described.from === "topic");
  return { settings: own ?? described, isOwn };
}

export function formOf(settings: DeadLetterSettings): SwitchForm {
  return {
    enabled: settings.enabled,
    attempts: String(settings.attempts),
    delay_ms: written(settings.delay_ms),
    backoff: String(settings.backoff),
    delay_ms_max: written(settings.delay_ms_max),
    topic: settings.topic ?? "",
  };
}

/** An edit typed back to what is in force is none. */
export function withEdit<F extends SwitchField>(
  shown: SwitchForm,
  edits: Edits,
  field: F,
  value: SwitchForm[F],
): Edits {
  const { [field]: _, ...others } = edits;
  return value === shown[field] ? (others as Edits) : { ...edits, [field]: value };
}

/** What the form asks for, or what is wrong with it before anybody is asked. */
export function requestOf(form: SwitchForm): SetDeadLetterRequest | Objections {
  const attempts = wholeNumber(form.attempts, 0);
  const delay_ms = read(form.delay_ms);
  const backoff = decimal(form.backoff);
  const delay_ms_max = read(form.delay_ms_max);
  const objections: Objections = {};
  if (attempts === undefined) objections.attempts = "A whole number, 1 or more.";
  if (delay_ms === undefined) objections.delay_ms = DURATION;
  if (backoff === undefined) objections.backoff = "A number, 1 or more.";
  if (delay_ms_max === undefined) objections.delay_ms_max = DURATION;
  if (
    attempts === undefined ||
    delay_ms === undefined ||
    backoff === undefined ||
    delay_ms_max === undefined
  ) {
    return objections;
  }
  const topic = form.topic.trim() || null;
  return { enabled: form.enabled, attempts, delay_ms, backoff, delay_ms_max, topic };
}

export function isRequest(
  wanted: SetDeadLetterRequest | Objections,
): wanted is SetDeadLetterRequest {
  return typeof wanted.attempts === "number";
}

const DURATION = "A duration, such as 500 ms, 10 s or 5 min.";

function decimal(text: string): number | undefined {
  return /^\d{1,6}(\.\d{1,6})?$/.test(text.trim()) ? Number(text) : undefined;
}

/** The field that a refusal is about, with the server's words. */
export function objectionOf(problem: ProblemDetails): Objections | undefined {
  if (problem.code !== "INVALID_CONFIG") return undefined;
  const fields: SwitchField[] = ["attempts", "delay_ms_max", "delay_ms", "backoff", "topic"];
  const named = /is no value of `?(\w+)/.exec(problem.detail)?.[1] ?? problem.detail;
  const field = fields.find((name) => named === name || named.startsWith(`${name},`));
  if (!field) return undefined;
  const hint = problem.hint ? ` ${sentence(problem.hint)}` : "";
  return { [field]: sentence(problem.detail) + hint };
}

/** The delay after each delivery but the last, in milliseconds. */
export function delays(settings: DeadLetterSettings): number[] {
  const times = Math.max(0, Math.min(settings.attempts, ATTEMPTS_MAX) - 1);
  const after = (n: number) => settings.delay_ms * settings.backoff ** n;
  return Array.from({ length: times }, (_, n) =>
    Math.round(Math.min(after(n), settings.delay_ms_max)),
  );
}

/** What the server takes at most; more is not worth computing. */
const ATTEMPTS_MAX = 100;

/** The configuration key of a group's own switch, as the server makes it. */
export function groupKey(group: string): string {
  const bytes = new TextEncoder().encode(group);
  const plain = /[A-Za-z0-9._-]/;
  const code = (byte: number) => {
    const letter = String.fromCharCode(byte);
    const hex = byte.toString(16).toUpperCase().padStart(2, "0");
    return plain.test(letter) ? letter : `%${hex}`;
  };
  return GROUP_KEY + Array.from(bytes, code).join("");
}
