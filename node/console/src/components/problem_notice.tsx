// A problem in the server's words: what was wrong, whether anything was done, and what to do next.
import type { ProblemDetails } from "../api/problem";

interface Props {
  problem: ProblemDetails;
  /** What was attempted, for the heading: `The topic was not created`. */
  heading?: string;
  onRetry?: () => void;
}

export function ProblemNotice({ problem, heading, onRetry }: Props) {
  return (
    <div class="notice notice-bad" role="alert">
      <p class="notice-heading">{heading ?? sentence(problem.title)}</p>
      <p>{sentence(problem.detail)}</p>
      {problem.hint && <p class="hint">{sentence(problem.hint)}</p>}
      <p class="notice-facts">
        <code>{problem.code}</code>
        <span>{outcome(problem)}</span>
        {onRetry && (
          <button type="button" class="quiet" onClick={onRetry}>
            Try again
          </button>
        )}
      </p>
    </div>
  );
}

function outcome(problem: ProblemDetails): string {
  if (problem.outcome === "unknown") {
    return "It may have been done: look at what the page shows before trying again.";
  }
  return problem.retriable ? "Nothing was done. Trying again can help." : "Nothing was done.";
}

/** The server writes lower case without a final dot. */
export function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
