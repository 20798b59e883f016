// How fresh what is shown is: live with its age, paused, or failing with the time of the next try.
import { useEffect, useState } from "preact/hooks";
import type { Live } from "./use_live";

export function RefreshState({ live }: { live: Live<unknown> }) {
  const now = useNow();
  const age = live.at === undefined ? undefined : Math.max(0, Math.round((now - live.at) / 1_000));
  const { word, tone } = said(live);
  return (
    <div class="refresh">
      <output class={`refresh-word tone-${tone}`} data-state={tone}>
        <span class="dot" aria-hidden="true" />
        {word}
      </output>
      {age !== undefined && <span class="muted refresh-age">updated {ago(age)}</span>}
      <button
        type="button"
        class="quiet"
        aria-pressed={live.isPaused}
        onClick={() => live.setPaused(!live.isPaused)}
      >
        {live.isPaused ? "Resume" : "Pause"}
      </button>
      <button type="button" class="quiet" onClick={() => void live.refresh()}>
        Refresh
      </button>
    </div>
  );
}

function said(live: Live<unknown>): { word: string; tone: "ok" | "warn" | "bad" | "idle" } {
  if (live.problem) return { word: "Not updating", tone: "bad" };
  if (live.isPaused) return { word: "Paused", tone: "warn" };
  if (live.at === undefined) return { word: "Loading", tone: "idle" };
  return { word: "Live", tone: "ok" };
}

function ago(seconds: number): string {
  if (seconds < 2) return "just now";
  if (seconds < 120) return `${seconds} s ago`;
  return `${Math.floor(seconds / 60)} min ago`;
}

function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
