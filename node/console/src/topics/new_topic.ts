// The form of a new topic as a request, and the server's objections as the fields they are about.
// What a topic may be is the server's to say: here only numbers are told from other text.
import type { ProblemDetails } from "../api/problem";
import type { CreateTopicRequest } from "../api/topics";
import { wholeNumber } from "../components/field";
import { sentence } from "../components/problem_notice";

export interface Setting {
  key: string;
  value: string;
}

export interface NewTopic {
  name: string;
  partitions: string;
  replicas: string;
  settings: Setting[];
}

export type FieldName = "name" | "partitions" | "replicas" | "settings";
export type Objections = Partial<Record<FieldName, string>>;

const FIELD_OF_CODE: Record<string, FieldName> = {
  INVALID_TOPIC: "name",
  TOPIC_EXISTS: "name",
  INVALID_PARTITION: "partitions",
  INVALID_REPLICATION_FACTOR: "replicas",
  INVALID_CONFIG: "settings",
};

export function numberObjections(topic: NewTopic): Objections {
  const objections: Objections = {};
  const isNumber = (text: string) => text.trim() === "" || wholeNumber(text, 1) !== undefined;
  if (!isNumber(topic.partitions)) objections.partitions = "A whole number, 1 or more.";
  if (!isNumber(topic.replicas)) objections.replicas = "A whole number, 1 or more.";
  return objections;
}

export function requestOf(topic: NewTopic, isDryRun: boolean): CreateTopicRequest {
  const settings = topic.settings.filter(({ key }) => key.trim() !== "");
  return {
    name: topic.name.trim(),
    partitions: wholeNumber(topic.partitions, 1) ?? null,
    replication_factor: wholeNumber(topic.replicas, 1) ?? null,
    config: Object.fromEntries(settings.map(({ key, value }) => [key.trim(), value.trim()])),
    ...(isDryRun ? { dry_run: true } : {}),
  };
}

/** The field a refusal is about, with the server's words and its hint. */
export function objectionOf(problem: ProblemDetails): Objections | undefined {
  const field = FIELD_OF_CODE[problem.code];
  if (!field) return undefined;
  const hint = problem.hint ? ` ${sentence(problem.hint)}` : "";
  return { [field]: sentence(problem.detail) + hint };
}
