// The replicas of one partition, each as the leader sees it.
import type { PartitionDescription } from "../../api/topics";
import { Badge } from "../../components/badge";
import { count, span } from "../../format";
import { stateOf } from "./partitions";

export function Replicas({ partition }: { partition: PartitionDescription }) {
  return (
    <table class="inner">
      <caption class="visually-hidden">Replicas of partition {partition.partition}</caption>
      <thead>
        <tr>
          <th scope="col">Node</th>
          <th scope="col">State</th>
          <th scope="col" class="num">
            On disk up to
          </th>
          <th scope="col" class="num">
            Records behind
          </th>
          <th scope="col" class="num">
            Behind for
          </th>
          <th scope="col" class="num">
            Replica id
          </th>
        </tr>
      </thead>
      <tbody>
        {partition.replicas.map((replica) => {
          const { tone, word } = stateOf(replica);
          return (
            <tr key={replica.replica}>
              <th scope="row">node {replica.node}</th>
              <td>
                <Badge tone={tone}>{word}</Badge>
              </td>
              <td class="num">{count(replica.match_offset)}</td>
              <td class="num">{count(replica.lag_records)}</td>
              <td class="num">{span(replica.lag_ms)}</td>
              <td class="num">{count(replica.replica)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
