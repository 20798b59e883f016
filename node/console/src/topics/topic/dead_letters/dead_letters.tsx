// Dead letters: the switch of the topic or of a group, and what has died.
import { useState } from "preact/hooks";
import type { DeadLetterDescription } from "../../../api/dead_letters";
import type { TopicDescription } from "../../../api/topics";
import { Badge } from "../../../components/badge";
import { Field } from "../../../components/field";
import { ProblemNotice } from "../../../components/problem_notice";
import { StaleNotice } from "../../../components/stale_notice";
import type { Live } from "../../../live/use_live";
import { DeadRecords } from "./dead_records";
import { SwitchForm } from "./switch_form";

interface Props {
  topic: TopicDescription;
  live: Live<DeadLetterDescription>;
  /** Groups that read the topic. */
  readers: string[];
  onChanged: () => Promise<void>;
  /** The page says already that the server does not answer. */
  isStale: boolean;
}

/** Of every group, of one, or of one that is yet to be named. */
type Whose = { kind: "all" } | { kind: "group"; name: string } | { kind: "other"; name: string };

export function DeadLetters({ topic, live, readers, onChanged, isStale }: Props) {
  const described = live.data;
  const own = Object.keys(described?.groups ?? {});
  return (
    <section aria-labelledby="dead-letters">
      <div class="section-head">
        <h2 id="dead-letters">Dead letters</h2>
        {described && (
          <>
            <Badge tone={described.enabled ? "ok" : "idle"}>
              {described.enabled ? "on" : "off"}
            </Badge>
            <span class="muted">{summary(described, own)}</span>
          </>
        )}
      </div>
      {!isStale && <StaleNotice live={live} />}
      {!described && live.problem && (
        <ProblemNotice problem={live.problem} onRetry={() => void live.refresh()} />
      )}
      {!described && !live.problem && <p class="loading">Loading the switch…</p>}
      {described && (
        <>
          <Switch
            topic={topic.name}
            described={described}
            own={own}
            names={[...new Set([...own, ...readers])].sort()}
            onChanged={onChanged}
          />
          <DeadRecords topic={topic.name} described={described} onChanged={onChanged} />
        </>
      )}
    </section>
  );
}

interface SwitchProps {
  topic: string;
  described: DeadLetterDescription;
  own: string[];
  names: string[];
  onChanged: () => Promise<void>;
}

function Switch({ topic, described, own, names, onChanged }: SwitchProps) {
  const [whose, setWhose] = useState<Whose>({ kind: "all" });
  const group = whose.kind === "all" ? undefined : whose.name.trim();
  return (
    <div class="panel">
      <WhoseChoice whose={whose} names={names} own={own} onChoice={setWhose} />
      {group !== "" && (
        <SwitchForm
          key={group ?? ""}
          topic={topic}
          group={group}
          described={described}
          onChanged={onChanged}
        />
      )}
    </div>
  );
}

function summary(described: DeadLetterDescription, own: string[]): string {
  const from = described.from === "default" ? "nobody has set the switch" : "for every group";
  if (own.length === 0) return from;
  const named = own.slice(0, 3).join(", ") + (own.length > 3 ? " …" : "");
  return `${from}; ${own.length === 1 ? "one group has" : `${own.length} groups have`} a switch of ${
    own.length === 1 ? "its" : "their"
  } own: ${named}`;
}

interface ChoiceProps {
  whose: Whose;
  names: string[];
  own: string[];
  onChoice: (whose: Whose) => void;
}

function WhoseChoice({ whose, names, own, onChoice }: ChoiceProps) {
  const value = whose.kind === "group" ? `group:${whose.name}` : whose.kind;
  const choose = (chosen: string) => {
    if (chosen.startsWith("group:")) onChoice({ kind: "group", name: chosen.slice(6) });
    else onChoice(chosen === "other" ? { kind: "other", name: "" } : { kind: "all" });
  };
  return (
    <div class="fields whose">
      <div class="field">
        <label for="switch-whose">Switch of</label>
        <select
          id="switch-whose"
          value={value}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          <option value="all">every group without one of its own</option>
          {names.map((name) => (
            <option key={name} value={`group:${name}`}>
              {name}
              {own.includes(name) ? " (its own)" : ""}
            </option>
          ))}
          <option value="other">another group…</option>
        </select>
      </div>
      {whose.kind === "other" && (
        <Field
          label="Name of the group"
          value={whose.name}
          onInput={(name) => onChoice({ kind: "other", name })}
          isFirst
          isMono
        />
      )}
    </div>
  );
}
