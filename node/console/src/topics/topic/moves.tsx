// Replicas on their way to other nodes, with what is left and what stands in the way.
import type { MoveDescription } from "../../api/cluster";
import { bytes, plural, span, UNKNOWN } from "../../format";

const SHOWN_MAX = 20;

export function Moves({ moves }: { moves: MoveDescription[] }) {
  if (moves.length === 0) return null;
  const more = moves.length - SHOWN_MAX;
  return (
    <section aria-labelledby="moves">
      <h2 id="moves">Moving</h2>
      <p class="about">
        {plural(moves.length, "partition")} on the way to other nodes. Records stay readable and
        writable meanwhile.
      </p>
      <div class="table-frame">
        <table>
          <thead>
            <tr>
              <th scope="col">Partition</th>
              <th scope="col">From</th>
              <th scope="col">To</th>
              <th scope="col" class="num">
                Left
              </th>
              <th scope="col" class="num">
                Time
              </th>
              <th scope="col">In the way</th>
            </tr>
          </thead>
          <tbody>
            {moves.slice(0, SHOWN_MAX).map((move) => (
              <tr key={move.partition}>
                <th scope="row">{move.partition}</th>
                <td>{nodes(move.from)}</td>
                <td>{nodes(move.to)}</td>
                <td class="num">{bytes(move.bytes_left)}</td>
                <td class="num">{span(move.eta_ms)}</td>
                <td>{move.blockers?.join("; ") || UNKNOWN}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {more > 0 && <p class="muted">and {plural(more, "more partition")}</p>}
    </section>
  );
}

function nodes(ids: number[]): string {
  return ids.map((id) => `node ${id}`).join(", ");
}
