// A state in a word, and in a colour for those who see it.
import type { ComponentChildren } from "preact";

export type Tone = "ok" | "warn" | "bad" | "idle" | "info";

export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`badge tone-${tone}`}>{children}</span>;
}
