// What schema.ts is to say of the records that died and of Castle's clients, once it is made anew from a
// server that has them: then this file goes, with the lines of src/api that name it.

/** What a group has not processed of a topic. */
interface Backlog {
  /** Name of its dead-letter topic. */
  topic: string;
  depth: number;
  /** If not there are no more than so many. */
  depth_is_exact: boolean;
  parked: number;
  dying: number;
}

interface DeadRecord {
  partition: number;
  offset: number;
  timestamp: number;
  key?: unknown;
  value?: unknown;
  headers: unknown;
  origin: { topic: string; partition: number; offset: number; timestamp: number };
  group: string;
  attempts: number;
  error: string;
}

interface Verb {
  group: string;
  partition: number | null;
  offset: number | null;
  error: string | null;
  key: string | null;
  contains: string | null;
  max_records: number | null;
  cursor: string | null;
  dry_run?: boolean;
}

interface RedriveResponse {
  scanned: number;
  matched: number;
  redriven: number;
  already: number;
  left: number;
  left_because?: string | null;
  next_cursor?: string | null;
  dry_run: boolean;
}

interface PurgeResponse {
  scanned: number;
  matched: number;
  purged: number;
  next_cursor?: string | null;
  dry_run: boolean;
}

interface Records {
  topic: string;
  depth?: number | null;
  records: DeadRecord[];
  next_cursor?: string | null;
}

interface Subscription {
  role: "producer" | "consumer";
  topic: string;
  group?: string | null;
  member?: string | null;
  held: number[];
}

type Command =
  | { kind: "reinit" | "exit" | "pause" | "resume" }
  | { kind: "throttle"; bytes_per_second: number }
  | { kind: "move"; to: string }
  | { kind: "reset"; topic: string };

interface Client {
  client_id: string;
  instance_id: string;
  app: string;
  sdk: string;
  host: string;
  rack: string;
  /** The node that heard from it last. */
  node: number;
  since_ms: number;
  silent_ms: number;
  subscriptions: Subscription[];
  assigned?: { topic: string; partition: number }[];
  stats: { lag: number; in_flight: number; records: number; bytes: number; errors: number };
  /** What it has not done. */
  directives?: (Command & { id: number })[];
}

interface Clients {
  clients: Client[];
  missing_nodes?: number[];
}

type To = "group" | { topic: string };
type Ok<B> = { 200: { content: { "application/json": B } } };
type Post<B, A> = {
  parameters: { path: { topic: string }; query?: undefined };
  requestBody: { content: { "application/json": B } };
  responses: Ok<A>;
};

export interface paths {
  "/v1/topics/{topic}/dead-letter/records": {
    get: {
      parameters: {
        path: { topic: string };
        query: {
          group: string;
          partition?: number;
          offset?: number;
          error?: string;
          key?: string;
          contains?: string;
          max_records?: number;
          cursor?: string;
          encoding?: string;
        };
      };
      responses: Ok<Records>;
    };
  };
  "/v1/topics/{topic}/dead-letter:redrive": { post: Post<Verb & { to: To }, RedriveResponse> };
  "/v1/topics/{topic}/dead-letter:purge": { post: Post<Verb, PurgeResponse> };
  "/v1/castle/clients": {
    get: { parameters: { query?: undefined }; responses: Ok<Clients> };
  };
  "/v1/castle/clients/{id}/commands": {
    post: {
      parameters: { path: { id: string }; query?: undefined };
      requestBody: { content: { "application/json": Command & { ttl_ms?: number | null } } };
      responses: Ok<{ id: number; expires_ms: number }>;
    };
  };
}

export interface components {
  schemas: {
    DeadLetterBacklog: Backlog;
    DeadLetterBacklogs: { backlogs?: Record<string, Backlog> };
    DeadLetterRecord: DeadRecord;
    DeadLetterRecords: Records;
    RedriveTo: To;
    RedriveResponse: RedriveResponse;
    PurgeResponse: PurgeResponse;
    CastleClient: Client;
    ListClientsResponse: Clients;
    Command: Command;
  };
}
