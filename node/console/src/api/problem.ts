// What can go wrong with a request: the server's application/problem+json as it is, and the same
// shape for a server that can't be reached or answers something else.
import type { components } from "./schema";

type Body = components["schemas"]["ProblemBody"];
export type ProblemDetails = Pick<
  Body,
  "title" | "detail" | "code" | "retriable" | "outcome" | "hint" | "status" | "retry_after_ms"
>;

/** A refused or failed request. */
export class Problem extends Error {
  readonly details: ProblemDetails;

  constructor(details: ProblemDetails) {
    super(details.detail);
    this.name = "Problem";
    this.details = details;
  }
}

/** The details of whatever was thrown. */
export function detailsOf(thrown: unknown): ProblemDetails {
  if (thrown instanceof Problem) return thrown.details;
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return {
    title: "fault in the console",
    detail,
    code: "CONSOLE_FAULT",
    hint: "reload the page; if it happens again, the browser's own console has more",
    outcome: "unknown",
    retriable: false,
    status: 0,
  };
}

/** The body of a refusal, or what can be said about an answer that is none. */
export function asProblem(status: number, text: string): ProblemDetails {
  try {
    const body = JSON.parse(text) as Partial<Body>;
    if (typeof body.code === "string" && typeof body.detail === "string") return body as Body;
  } catch {
    // Not JSON: a proxy in between, most likely.
  }
  return {
    title: "unexpected answer",
    detail: `the server answered with status ${status} and no body this page understands`,
    code: `HTTP_${status}`,
    hint: "is there a proxy in between that answers for the server?",
    outcome: "unknown",
    retriable: status >= 500,
    status,
  };
}

/** Nothing answered. Of a write it can't be known whether it arrived. */
export function unreachable(isRead: boolean, isTimeout: boolean): ProblemDetails {
  return {
    title: isTimeout ? "no answer" : "not reachable",
    detail: isTimeout ? "the server did not answer in time" : "the server can't be reached",
    code: isTimeout ? "NO_ANSWER" : "UNREACHABLE",
    hint: "is this node running? Any other node serves this console too",
    outcome: isRead ? "not_done" : "unknown",
    retriable: true,
    status: 0,
  };
}
