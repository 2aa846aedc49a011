import type { World } from './world.ts';

/** How a run ended: with an open ledger (`CACHE`, `DIRECT`), or with one that correctly waits for lost data. */
export type Ending = 'CACHE' | 'DIRECT' | 'frozen' | 'closed';

/** Maximum time for the system to recover after everything is repaired, virtual ms. */
export const BACK_WITHIN_MS = 60_000;
export const LOOK_EVERY_MS = 250;
/** Time after which a hold that is due must have expired once no fault remains, virtual ms. */
const EXPIRES_WITHIN_MS = 3_000;

/** Waits until the system is open again, or correctly stays closed. */
export async function comeBack(world: World): Promise<Ending> {
  const { scheduler, mysql, plan } = world;
  const deadline = scheduler.nowMs + BACK_WITHIN_MS;
  const ofEpoch = () => {
    const { mode, cacheEpoch } = mysql.tables.authority;
    if (mode === 'CACHE') return 'CACHE';
    return mode === 'DIRECT' && cacheEpoch === null ? 'DIRECT' : null;
  };
  while (scheduler.nowMs < deadline) {
    await scheduler.run(scheduler.nowMs + LOOK_EVERY_MS);
    const state = ofEpoch();
    const wanted = plan.redisReturns ? 'CACHE' : 'DIRECT';
    const open = world.livePods.every(({ session }) =>
      state === 'CACHE' ? session.view() !== null : session.direct() !== null,
    );
    if (state === wanted && open && world.asked === 0) return state;
    // Clients send nothing new; requests that are still in progress get time to finish.
    if (state === null && scheduler.nowMs > deadline - BACK_WITHIN_MS * 0.75 && (await isLost(world))) {
      return mysql.tables.authority.mode === 'DIRECT' ? 'frozen' : 'closed';
    }
  }
  const { mode, cacheEpoch } = mysql.tables.authority;
  world.violations.push({
    kind: 'stuck',
    what: `the authority is ${mode} (${cacheEpoch}), but the ledger should be open`,
  });
  return ofEpoch() ?? 'closed';
}

/** Whether data that the recovery needs is lost permanently: only then may the ledger wait for an operator. */
async function isLost(world: World): Promise<boolean> {
  const { tables } = world.mysql;
  const { mode, cacheEpoch, cacheFormat, marker, highestKnownSeq, replid, redisNode } = tables.authority;
  if (cacheEpoch === null || cacheFormat === null) return false;
  const node = world.redis.current;
  if (node?.state === 'up') {
    const fence = await node.model.fence(-1, node.replid);
    const caller = { fenceEpoch: fence, epoch: cacheEpoch, format: cacheFormat, replid: node.replid };
    const journal = await node.model.journal(caller, Number.MAX_SAFE_INTEGER - 1, 1).catch(() => null);
    const whole = journal?.marker === marker && journal.head.seq >= Math.max(highestKnownSeq ?? 0, tables.cursor.seq);
    const known = mode === 'DIRECT' || node.replid === replid || (redisNode !== '' && node.name === redisNode);
    // If no fault has deleted its data, the server must still have all of it; if it does not, there is a bug.
    if ((whole || node.begun.has(cacheEpoch)) && known) return false;
  }
  if (mode === 'DIRECT') return true;
  const notHandedOver = [...tables.pods.values()].filter(
    ({ epoch, handedOver }) => epoch === cacheEpoch && !handedOver,
  );
  // A pod that is running must have handed over what it knew, and so must one that stopped in an orderly way.
  const owes = (podId: string) =>
    world.pods.some(
      ({ process, stoppedWell }) => podId.startsWith(`${process.name}.`) && (process.alive || stoppedWell),
    );
  return notHandedOver.length > 0 && !notHandedOver.some(({ podId }) => owes(podId));
}

/** The number of open holds whose end has passed by every clock, long enough ago for a pod to have expired them. */
export function dueHoldsIn({ mysql, livePods, redis }: World): number {
  const clocks = [mysql.wallMs, redis.current?.wallMs ?? mysql.wallMs, ...livePods.map(({ process }) => process.now())];
  const dueMs = Math.min(...clocks) - EXPIRES_WITHIN_MS;
  return [...mysql.tables.holds.values()].filter(({ state }) => state?.status === 'OPEN' && state.expiresAt < dueMs)
    .length;
}

export async function isFlushed(world: World): Promise<boolean> {
  const { authority, cursor } = world.mysql.tables;
  if (authority.mode !== 'CACHE' || authority.replid === null) return true;
  const { model } = world.redis.current ?? {};
  if (!model) return false;
  const { epoch, format, replid } = authority;
  const caller = { fenceEpoch: epoch, epoch, format, replid };
  const found = await model.journal(caller, Number.MAX_SAFE_INTEGER - 1, 1).catch(() => null);
  return found !== null && cursor.epoch === authority.epoch && found.head.seq === cursor.seq;
}
