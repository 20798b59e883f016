// A sweep as a component sees it: how far it is, stopping it, and going on.
import { useEffect, useRef, useState } from "preact/hooks";
import { detailsOf, type ProblemDetails } from "../../../api/problem";
import { NOTHING_DONE, type Slice, sweep, type Tally } from "./sweep";

type Ask = (cursor: string | undefined) => Promise<Slice>;

export interface SweepView {
  tally: Tally;
  isRunning: boolean;
  /** Asked to stop: the slice under way is awaited. */
  isStopping: boolean;
  hasBegun: boolean;
  problem: ProblemDetails | undefined;
  /** From the beginning. What was done is the answer; nothing where it failed. */
  begin(ask: Ask): Promise<Tally | undefined>;
  /** From where it stopped or failed. */
  goOn(ask: Ask): Promise<Tally | undefined>;
  stop(): void;
  /** Forgets what was found: something else is asked for. */
  reset(): void;
}

export function useSweep(): SweepView {
  const [tally, setTally] = useState<Tally>(NOTHING_DONE);
  const [state, setState] = useState({ isRunning: false, isStopping: false, hasBegun: false });
  const [problem, setProblem] = useState<ProblemDetails>();
  const control = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => control.current?.abort(), []);

  const start = async (ask: Ask, from: Tally) => {
    if (state.isRunning) return undefined;
    const stop = new AbortController();
    control.current = stop;
    setTally(from);
    setProblem(undefined);
    setState({ isRunning: true, isStopping: false, hasBegun: true });
    try {
      return await sweep({ ask, onProgress: setTally, stop: stop.signal, from });
    } catch (error) {
      setProblem(detailsOf(error));
      return undefined;
    } finally {
      setState({ isRunning: false, isStopping: false, hasBegun: true });
    }
  };
  const stop = () => {
    control.current?.abort();
    setState((before) => ({ ...before, isStopping: before.isRunning }));
  };
  const reset = () => {
    setTally(NOTHING_DONE);
    setProblem(undefined);
    setState({ isRunning: false, isStopping: false, hasBegun: false });
  };
  const begin = (ask: Ask) => start(ask, NOTHING_DONE);
  const goOn = (ask: Ask) => start(ask, tally);
  return { tally, problem, ...state, begin, goOn, stop, reset };
}
