// Asking something of a client; it is done when a later heartbeat says so.
import { useState } from "preact/hooks";
import { type CastleClient, commandClient } from "../api/castle";
import { Dialog } from "../components/dialog";
import { Field } from "../components/field";
import { useAnnounce } from "../components/notice";
import { moment } from "../format";
import { ABOUT, commandOf, inWords, KINDS, type Kind, TYPED } from "./command";

interface Props {
  client: CastleClient;
  onChanged: () => Promise<void>;
  onClose: () => void;
}

export function CommandDialog({ client, onChanged, onClose }: Props) {
  const announce = useAnnounce();
  const [kind, setKind] = useState<Kind>("pause");
  const [text, setText] = useState("");
  const command = commandOf(kind, text);
  const typed = TYPED[kind];
  const send = async () => {
    if (!command) return;
    const { expires_ms } = await commandClient(client.instance_id, command);
    await onChanged();
    const until = moment(expires_ms);
    announce(`Asked ${client.instance_id}: ${inWords(command)}. It is forgotten at ${until}.`);
    onClose();
  };
  return (
    <Dialog
      title={`Command to ${client.instance_id}`}
      action="Send"
      busy="Sending…"
      failure="The command was not taken"
      isDangerous={kind === "exit"}
      isReady={command !== undefined}
      onSubmit={send}
      onClose={onClose}
    >
      <div class="field">
        <label for="command-kind">Command</label>
        <select
          id="command-kind"
          value={kind}
          onChange={(event) => {
            setKind(event.currentTarget.value as Kind);
            setText("");
          }}
        >
          {KINDS.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
        <p class="about">{ABOUT[kind]}</p>
      </div>
      {typed && <Field {...typed} value={text} onInput={setText} isMono />}
      <p class="about">The client learns of it with its next heartbeat.</p>
    </Dialog>
  );
}
