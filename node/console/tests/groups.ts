// A member of a consumer group, as a test needs one: it polls, and says what became of each record.
import type { APIRequestContext } from "@playwright/test";
import { expect } from "./browser";

export interface Polled {
  partition: number;
  offset: number;
  value: { number: number };
  ack_token: string;
  attempt: number;
}

/** What is said of a record: nothing is `ack`. */
export type Fate = { reject: string } | { retry: string; delay_ms: number } | undefined;

export class Member {
  readonly #request: APIRequestContext;
  readonly #group: string;
  readonly #topic: string;
  /** Its own choice, so that a later test goes on as the same member. */
  readonly #name = "till-1";

  constructor(request: APIRequestContext, group: string, topic: string) {
    this.#request = request;
    this.#group = group;
    this.#topic = topic;
  }

  /** Polls until so many records are in hand. */
  async gather(count: number): Promise<Polled[]> {
    const held: Polled[] = [];
    await expect
      .poll(async () => {
        held.push(...(await this.poll()));
        return held.length;
      })
      .toBe(count);
    return held;
  }

  async poll(): Promise<Polled[]> {
    const answer = await this.#post("poll", {
      member: this.#name,
      topics: [this.#topic],
      start: "earliest",
      client_id: "playwright",
      host: "here",
      wait_ms: 300,
      lock_ms: 3_600_000,
      session_ms: 1_800_000,
    });
    return answer.records;
  }

  async settle(records: Polled[], fateOf: (record: Polled) => Fate) {
    const said = { ack: [] as string[], retry: [] as object[], reject: [] as object[] };
    for (const record of records) {
      const token = record.ack_token;
      const fate = fateOf(record);
      if (!fate) said.ack.push(token);
      else if ("reject" in fate) said.reject.push({ token, error: fate.reject });
      else said.retry.push({ token, error: fate.retry, delay_ms: fate.delay_ms });
    }
    const { results } = await this.#post("ack", { member: this.#name, ...said });
    const refused = results.filter((result: { code?: string }) => result.code);
    expect(refused).toEqual([]);
  }

  async leave() {
    const path = `/v1/groups/${this.#group}/members/${this.#name}`;
    expect((await this.#request.delete(path)).ok()).toBe(true);
  }

  async #post(verb: string, data: object) {
    const answer = await this.#request.post(`/v1/groups/${this.#group}/${verb}`, { data });
    expect(answer.ok(), await answer.text()).toBe(true);
    return answer.json();
  }
}
