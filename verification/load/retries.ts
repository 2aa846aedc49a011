import type { TransferHistory } from '../checker/history.ts';
import { now, sleep } from '../harness/time.ts';
import type { Load } from './load.ts';
import type { Recorder } from './recorder.ts';

const RETRY_EVERY_MS = 500;
const RETRIES_AT_ONCE = 16;
const RESOLVE_MS_MAX = 300_000;

/**
 * While a load runs, repeats the transfers without a known outcome, as a client would, and some of those that were
 * refused temporarily.
 */
export async function retryUntil(stop: AbortSignal, load: Load, recorder: Recorder): Promise<void> {
  while (!stop.aborted) {
    await sleep(RETRY_EVERY_MS, undefined, { signal: stop }).catch(() => {});
    await retrySome(load, recorder, stop);
  }
}

async function retrySome(load: Load, recorder: Recorder, stop?: AbortSignal): Promise<void> {
  // A transfer is in progress if one of its attempts has not ended.
  const isOver = ({ attempts }: TransferHistory) => attempts.every(({ endedAt }) => Number.isFinite(endedAt));
  const open = onePerGroup([...recorder.takeRefused(), ...recorder.unresolved().filter(isOver)]);
  const work = async () => {
    for (let next = open.pop(); next && !stop?.aborted; next = open.pop()) await load.again(next);
  };
  await Promise.all(Array.from({ length: RETRIES_AT_ONCE }, work));
  for (const hold of recorder.unresolvedHolds()) if (!stop?.aborted) await load.placeAgain(hold);
}

/** A group is sent again as a whole, so one of its transfers is enough. */
function onePerGroup(transfers: readonly TransferHistory[]): TransferHistory[] {
  const groups = new Set<string>();
  return transfers.filter(({ attempts }) => {
    const groupId = attempts[0]?.content.groupId;
    if (groupId === undefined) return true;
    const isFirst = !groups.has(groupId);
    groups.add(groupId);
    return isFirst;
  });
}

/**
 * After a load, finds the outcome of every id. An id that is refused each time it is sent (because its account does not
 * exist, for example) is looked up instead. An outcome that is still unknown at the end stays unknown, and the verdict
 * reports it.
 */
export async function resolveAll(load: Load, recorder: Recorder): Promise<void> {
  const deadline = now() + RESOLVE_MS_MAX;
  while (recorder.unresolved().length + recorder.unresolvedHolds().length > 0 && now() < deadline) {
    const refused = recorder.unresolved().filter(({ attempts }) => attempts.at(-1)?.answer.kind === 'refused');
    for (const transfer of refused) await load.lookFor(transfer);
    await retrySome(load, recorder);
    await sleep(200);
  }
}
