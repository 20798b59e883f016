// Making a topic: a form, and on wish the server's own plan of it before anything is made.
import { useState } from "preact/hooks";
import { detailsOf, type ProblemDetails } from "../api/problem";
import { type CreateTopicResponse, createTopic } from "../api/topics";
import { Dialog } from "../components/dialog";
import { Field } from "../components/field";
import { useAnnounce } from "../components/notice";
import { ProblemNotice } from "../components/problem_notice";
import { plural } from "../format";
import {
  type NewTopic,
  numberObjections,
  type Objections,
  objectionOf,
  requestOf,
  type Setting,
} from "./new_topic";

interface Props {
  onClose: () => void;
  onCreated: () => void;
}

export function CreateDialog({ onClose, onCreated }: Props) {
  const announce = useAnnounce();
  const [topic, setTopic] = useState<NewTopic>({
    name: "",
    partitions: "",
    replicas: "",
    settings: [],
  });
  const [objections, setObjections] = useState<Objections>({});
  const [plan, setPlan] = useState<CreateTopicResponse>();

  const change = (changed: Partial<NewTopic>) => {
    setTopic({ ...topic, ...changed });
    setObjections({});
    setPlan(undefined);
  };
  const takes = (problem: ProblemDetails) => {
    const objection = objectionOf(problem);
    if (objection) setObjections(objection);
    return objection !== undefined;
  };
  const create = async () => {
    const wrong = numberObjections(topic);
    if (Object.keys(wrong).length > 0) return setObjections(wrong);
    const made = await createTopic(requestOf(topic, false));
    announce(`Created ${made.name} with ${plural(made.partitions, "partition")}.`);
    onCreated();
    onClose();
  };

  return (
    <Dialog
      title="Create topic"
      action="Create"
      busy="Creating…"
      failure="The topic was not created"
      isReady={topic.name.trim() !== ""}
      onSubmit={create}
      onClose={onClose}
      takes={takes}
    >
      <Field
        label="Name"
        value={topic.name}
        onInput={(name) => change({ name })}
        problem={objections.name}
        isFirst
        isMono
      />
      <div class="field-row">
        <Field
          label="Partitions"
          value={topic.partitions}
          onInput={(partitions) => change({ partitions })}
          placeholder="1"
          about="Can grow later, never shrink."
          problem={objections.partitions}
          isNumber
        />
        <Field
          label="Replicas"
          value={topic.replicas}
          onInput={(replicas) => change({ replicas })}
          placeholder="3, or the number of nodes"
          about="Copies of each partition."
          problem={objections.replicas}
          isNumber
        />
      </div>
      <Settings
        settings={topic.settings}
        onChange={(settings) => change({ settings })}
        problem={objections.settings}
      />
      <Plan topic={topic} plan={plan} onPlan={setPlan} takes={takes} onWrong={setObjections} />
    </Dialog>
  );
}

interface SettingsProps {
  settings: Setting[];
  onChange: (settings: Setting[]) => void;
  problem: string | undefined;
}

function Settings({ settings, onChange, problem }: SettingsProps) {
  const put = (index: number, changed: Partial<Setting>) =>
    onChange(settings.map((setting, i) => (i === index ? { ...setting, ...changed } : setting)));
  return (
    <fieldset>
      <legend>Configuration</legend>
      {settings.length === 0 && <p class="about">Everything at its default.</p>}
      {settings.map((setting, index) => (
        <div class="setting-row" key={index}>
          <input
            class="mono"
            aria-label={`Key ${index + 1}`}
            placeholder="retention.ms"
            value={setting.key}
            spellcheck={false}
            onInput={(event) => put(index, { key: event.currentTarget.value })}
          />
          <input
            class="mono"
            aria-label={`Value ${index + 1}`}
            placeholder="86400000"
            value={setting.value}
            spellcheck={false}
            onInput={(event) => put(index, { value: event.currentTarget.value })}
          />
          <button
            type="button"
            class="quiet"
            aria-label={`Remove setting ${index + 1}`}
            onClick={() => onChange(settings.filter((_, i) => i !== index))}
          >
            ✕
          </button>
        </div>
      ))}
      {problem && (
        <p class="field-problem" role="alert">
          {problem}
        </p>
      )}
      <button type="button" class="quiet" onClick={() => onChange([...settings, EMPTY])}>
        Add a setting
      </button>
    </fieldset>
  );
}

const EMPTY: Setting = { key: "", value: "" };

interface PlanProps {
  topic: NewTopic;
  plan: CreateTopicResponse | undefined;
  onPlan: (plan: CreateTopicResponse) => void;
  takes: (problem: ProblemDetails) => boolean;
  onWrong: (objections: Objections) => void;
}

/** Asks the server what it would make, and where. */
function Plan({ topic, plan, onPlan, takes, onWrong }: PlanProps) {
  const [isAsking, setAsking] = useState(false);
  const [problem, setProblem] = useState<ProblemDetails>();
  const ask = async () => {
    const wrong = numberObjections(topic);
    if (Object.keys(wrong).length > 0) return onWrong(wrong);
    setAsking(true);
    setProblem(undefined);
    try {
      onPlan(await createTopic(requestOf(topic, true)));
    } catch (error) {
      const details = detailsOf(error);
      if (!takes(details)) setProblem(details);
    } finally {
      setAsking(false);
    }
  };
  return (
    <div class="plan">
      <button
        type="button"
        onClick={() => void ask()}
        disabled={isAsking || topic.name.trim() === ""}
      >
        {isAsking ? "Asking…" : "Check without creating"}
      </button>
      {problem && <ProblemNotice problem={problem} heading="It can't be checked" />}
      <div role="status">{plan && <Placement plan={plan} />}</div>
    </div>
  );
}

const PLACED_MAX = 12;

function Placement({ plan }: { plan: CreateTopicResponse }) {
  const more = plan.replicas.length - PLACED_MAX;
  return (
    <div class="placement">
      <p>
        The server would make {plural(plan.partitions, "partition")} with{" "}
        {plural(plan.replication_factor, "replica")} each:
      </p>
      <ul>
        {plan.replicas.slice(0, PLACED_MAX).map((nodes, partition) => (
          <li key={partition}>
            partition {partition} on {nodes.map((node) => `node ${node}`).join(", ")}
          </li>
        ))}
      </ul>
      {more > 0 && <p class="muted">and {plural(more, "more partition")}</p>}
    </div>
  );
}
