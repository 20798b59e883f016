// Castle's clients: who sends heartbeats, and what they are asked to do.
import { call } from "./request";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type CastleClient = Schemas["CastleClient"];
export type Clients = Schemas["ListClientsResponse"];
export type Command = Schemas["Command"];

export function listClients(signal?: AbortSignal): Promise<Clients> {
  return call("get", "/v1/castle/clients", { signal });
}

export function commandClient(instance: string, command: Command) {
  return call("post", "/v1/castle/clients/{client}/commands", {
    path: { client: instance },
    body: command,
  });
}
