// Edits of a topic's configuration against what the server last said: what differs is sent, and
// nothing else. `null` resets a key to its default.
import type { ProblemDetails } from "../../api/problem";
import type { TopicDescription } from "../../api/topics";

/** By key: the text typed, or `null` for a reset. */
export type Edits = Readonly<Record<string, string | null>>;

export interface ConfigRow {
  key: string;
  /** In effect, as the server says. */
  value: string | undefined;
  isSet: boolean;
  /** Only a newer version knows the key: it is set, and nothing here applies it. */
  isUnknown: boolean;
}

export function configRows(topic: TopicDescription): ConfigRow[] {
  const keys = new Set([...Object.keys(topic.config), ...topic.config_set]);
  return [...keys].sort().map((key) => ({
    key,
    value: topic.config[key],
    isSet: topic.config_set.includes(key),
    isUnknown: !(key in topic.config),
  }));
}

/** The edits that would change something. */
export function changesOf(topic: TopicDescription, edits: Edits): Record<string, string | null> {
  const changes = Object.entries(edits).filter(([key, edit]) => {
    const isSet = topic.config_set.includes(key);
    if (edit === null) return isSet;
    return edit.trim() !== topic.config[key];
  });
  return Object.fromEntries(
    changes.map(([key, edit]) => [key, edit === null ? null : edit.trim()]),
  );
}

/** An edit typed back to what is in effect is none. */
export function withEdit(edits: Edits, row: ConfigRow, edit: string | null): Edits {
  const { [row.key]: _, ...others } = edits;
  if (edit === row.value) return others;
  return { ...others, [row.key]: edit };
}

/** The key that a refusal names, among those that were changed. */
export function keyOf(problem: ProblemDetails, keys: string[]): string | undefined {
  if (problem.code !== "INVALID_CONFIG") return undefined;
  return keys.find((key) => problem.detail.includes(`\`${key}\``));
}
