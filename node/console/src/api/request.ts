// One request to the public API, typed by the server's own OpenAPI document: a path, a method or a
// body that the document doesn't have does not compile.
import { asProblem, Problem, unreachable } from "./problem";
import type { paths } from "./schema";

const TIMEOUT_MS = 20_000;
/** For so long after a write, reads ask for a state that has it: another node may answer them. */
const WRITE_IS_FRESH_MS = 30_000;

type Method = "get" | "post" | "put" | "patch" | "delete";
type Paths<M extends Method> = {
  [P in keyof paths]: paths[P] extends { [K in M]: object } ? P : never;
}[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P] extends { [K in M]: infer O }
  ? O
  : never;
type Json<T> = T extends { content: { "application/json": infer B } } ? B : never;
type Answer<O> = O extends { responses: infer R }
  ? Json<R[keyof R & (200 | 201 | 202 | 207)]>
  : never;
type PathParameters<O> = O extends { parameters: { path: infer P extends object } }
  ? { path: P }
  : { path?: undefined };
type Body<O> = O extends { requestBody: { content: { "application/json": infer B } } }
  ? { body: B }
  : { body?: undefined };

type QueryParameters<O> = O extends { parameters: { query?: infer Q } }
  ? { query?: Omit<NonNullable<Q>, "min_metadata_index"> | undefined }
  : { query?: undefined };

type Options<O> = PathParameters<O> & QueryParameters<O> & Body<O> & { signal?: AbortSignal };
type Values = Record<string, string | number | boolean | null | undefined>;

let lastWrite = { index: 0, at: 0 };

/** Sends a request and reads its answer; every refusal and every failure is thrown as `Problem`. */
export async function call<M extends Method, P extends Paths<M>>(
  method: M,
  path: P,
  options: Options<Operation<P, M>>,
): Promise<Answer<Operation<P, M>>> {
  const {
    path: parameters,
    query,
    body,
    signal,
  } = options as {
    path?: Record<string, string | number>;
    query?: Values;
    body?: unknown;
    signal?: AbortSignal;
  };
  const isRead = method === "get";
  const url = fill(path as string, parameters) + queryOf({ ...query, ...(isRead && freshness()) });
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: method.toUpperCase(),
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      cache: "no-store",
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(unreachable(isRead, timeout.aborted));
  }
  if (!response.ok) throw new Problem(asProblem(response.status, text));
  const answer = parsed(response.status, text) as Answer<Operation<P, M>>;
  if (!isRead) remember(answer);
  return answer;
}

/** A path of the document with its variables filled in. */
export function fill(path: string, parameters: Record<string, string | number> = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = parameters[name];
    if (value === undefined) throw new Error(`${path} needs ${name}`);
    return encodeURIComponent(value);
  });
}

/** A query of what has a value. */
export function queryOf(values: Values): string {
  const present = Object.entries(values).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  const query = new URLSearchParams(
    present.map(([name, value]) => [name, String(value)]),
  ).toString();
  return query && `?${query}`;
}

function parsed(status: number, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(asProblem(status, text));
  }
}

function remember(answer: unknown) {
  const index = (answer as { metadata_index?: number | null } | null)?.metadata_index;
  if (typeof index === "number") lastWrite = { index, at: Date.now() };
}

function freshness(): Values {
  const isFresh = Date.now() - lastWrite.at < WRITE_IS_FRESH_MS;
  return isFresh ? { min_metadata_index: lastWrite.index } : {};
}
