// What waits of each group, and what has died: how much, where, and what can be done with it.
import type { Backlog } from "../../../api/dead_letters";
import { count } from "../../../format";
import { Link } from "../../../router";

export type Deed = "redrive" | "purge";

interface Props {
  backlogs: [string, Backlog][];
  /** The group whose dead records are shown below. */
  browsed: string | undefined;
  onBrowse: (group: string | undefined) => void;
  onDeed: (deed: Deed, group: string) => void;
}

export function Backlogs({ backlogs, browsed, onBrowse, onDeed }: Props) {
  return (
    <div class="table-frame">
      <table class="groups">
        <caption class="visually-hidden">Dead records by group</caption>
        <thead>
          <tr>
            <th scope="col">Group</th>
            <th scope="col">Dead-letter topic</th>
            {["Dead", "Parked", "Dying"].map((name) => (
              <th scope="col" class="num" key={name}>
                {name}
              </th>
            ))}
            <th scope="col">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {backlogs.map(([group, backlog]) => (
            <tr key={group}>
              <th scope="row">{group}</th>
              <td>
                <Link to={{ page: "topic", topic: backlog.topic }}>{backlog.topic}</Link>
              </td>
              <td class="num">
                <Depth backlog={backlog} />
              </td>
              <td class="num">{count(backlog.parked)}</td>
              <td class="num">{count(backlog.dying)}</td>
              <td class="row-action">
                <button
                  type="button"
                  class="quiet"
                  aria-pressed={browsed === group}
                  aria-label={`Browse the dead records of ${group}`}
                  onClick={() => onBrowse(browsed === group ? undefined : group)}
                >
                  Browse
                </button>
                <button
                  type="button"
                  class="quiet"
                  disabled={backlog.depth === 0}
                  aria-label={`Redrive dead records of ${group}`}
                  onClick={() => onDeed("redrive", group)}
                >
                  Redrive…
                </button>
                <button
                  type="button"
                  class="quiet"
                  disabled={backlog.depth === 0}
                  aria-label={`Purge dead records of ${group}`}
                  onClick={() => onDeed("purge", group)}
                >
                  Purge…
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Depth({ backlog }: { backlog: Backlog }) {
  if (backlog.depth_is_exact) return <>{count(backlog.depth)}</>;
  const about = "no more than so many: the topic is not this group's alone";
  return (
    <span title={about}>
      ≤ {count(backlog.depth)}
      <span class="visually-hidden">, {about}</span>
    </span>
  );
}
