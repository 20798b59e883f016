// Above what was last known, while the server does not answer.
import type { Live } from "../live/use_live";
import { sentence } from "./problem_notice";

export function StaleNotice({ live }: { live: Live<unknown> }) {
  if (!live.problem || live.data === undefined) return null;
  const { detail, hint, code } = live.problem;
  return (
    <div class="notice notice-warn" role="alert">
      <p class="notice-heading">This is what the server last said; it may have changed since.</p>
      <p>
        {sentence(detail)} {hint && sentence(hint)} <code>{code}</code>
      </p>
      <button type="button" class="quiet" onClick={() => void live.refresh()}>
        Try now
      </button>
    </div>
  );
}
