import type { AcceptedLossStep } from '../../app/authority/authority-ports.ts';
import type { Format } from '../../app/domain/authority.ts';
import { check } from '../../verification/checker/check.ts';
import { withoutGivenUp } from '../../verification/checker/given-up.ts';
import { type HoldHistory, isHoldOutcome, isOutcome } from '../../verification/checker/history.ts';
import { Random } from '../core/random.ts';
import { booksIn, givenUpIn } from './books.ts';
import { begin, healAll } from './faults.ts';
import { type Plan, planOf } from './plan.ts';
import { type Assembly, PROTOCOL } from './ports.ts';
import { TIMES } from './settings.ts';
import type { Theme } from './themes.ts';
import { type Finding, World } from './world.ts';

/** How a run ended: with an open ledger (`CACHE`, `DIRECT`), or with one that correctly waits for lost data. */
export type Ending = 'CACHE' | 'DIRECT' | 'frozen' | 'closed';

export interface RunResult {
  seed: number;
  ending: Ending;
  violations: Finding[];
  /** A hash of the whole run: the same seed gives the same hash. */
  hash: string;
  steps: number;
  transfers: number;
  epochs: number;
  /** The format of the rules at the beginning and at the end. */
  formats: readonly [Format, Format];
  virtualMs: number;
}

/** Maximum time for the system to recover after everything is repaired, virtual ms. */
const BACK_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 250;
/** Time after which a hold that is due must have expired, virtual ms, once nothing is broken any more. */
const EXPIRES_WITHIN_MS = 3_000;

export interface RunOptions {
  /** The protocol; by default the unmodified one. */
  assembly?: Assembly;
  /** The theme of the run; by default a random one. */
  theme?: Theme | null;
  /** Called with a line for each event. */
  trace?: ((line: string) => void) | null;
}

/** Makes one run: load and faults, repair, recovery, and the verdict. */
export async function runSeed(
  seed: number,
  { assembly = PROTOCOL, theme = null, trace = null }: RunOptions = {},
): Promise<RunResult> {
  // The stack traces of all these timeouts are never read, but cause most of their cost.
  if (trace === null) Error.stackTraceLimit = 0;
  const random = new Random(seed);
  const plan: Plan = planOf(random.fork(), theme);
  if (trace) trace(JSON.stringify({ ...plan, faults: plan.faults.length }));
  const world = new World(random, plan, assembly, trace);
  const { scheduler } = world;
  for (const fault of plan.faults) scheduler.at(fault.atMs, () => begin(world, fault));
  await scheduler.run(plan.loadMs);
  for (const client of world.clients) client.stop();
  healAll(world);
  const ending = await comeBack(world);
  if (ending === 'CACHE' || ending === 'DIRECT') await audit(world);
  const found = violationsIn(world);
  // If anything would wait forever, an operator accepts the loss. Afterwards the books must be consistent again,
  // apart from what was given up.
  if (found.length === 0 && (ending === 'frozen' || ending === 'closed')) await giveUp(world);
  const violations = [...world.violations, ...(found.length > 0 ? found : violationsIn(world))];
  world.note(`${ending}: ${violations.length} violations`);
  return {
    seed,
    ending,
    violations,
    hash: scheduler.hash,
    steps: scheduler.steps,
    transfers: world.mysql.tables.transfers.size,
    epochs: world.mysql.tables.authority.epoch,
    formats: [plan.format, world.mysql.tables.authority.format],
    virtualMs: scheduler.nowMs,
  };
}

/** Waits until the system is open again, or correctly stays closed. */
async function comeBack(world: World): Promise<Ending> {
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

/** An operator accepts the loss, and the run continues. */
async function giveUp(world: World): Promise<void> {
  const { scheduler, mysql, history } = world;
  const recoveryStore = world.operator();
  // Nothing may be written between the end of the acceptance and the list of what was given up.
  world.expiring = false;
  await scheduler.run(scheduler.nowMs + 2 * TIMES.requestTimeoutMs);
  const from = { ...mysql.tables.authority, ageMs: 0 };
  let accepted = false;
  const by = { keeper: 'operator', reason: 'the old Redis is gone' };
  const accept = async (): Promise<AcceptedLossStep | null> => {
    const step = await recoveryStore.acceptLoss(from, by);
    return step && 'working' in step ? accept() : step;
  };
  accept()
    .then((done) => {
      // A keeper may already have completed the acceptance.
      accepted = true;
      const givenUp = givenUpIn(mysql.tables, history, scheduler.nowMs);
      history.replaceBy(withoutGivenUp(history, givenUp));
      world.expiring = true;
      const dropped = done && 'dropped' in done ? done.dropped : mysql.tables.dropped.length;
      world.note(`the loss is accepted: ${dropped} dropped, ${givenUp.transactionIds.size} ids given up`);
    })
    .catch((error: unknown) => world.violations.push({ kind: 'stuck', what: `the loss cannot be accepted: ${error}` }));
  await scheduler.run(scheduler.nowMs + BACK_WITHIN_MS, () => accepted);
  if (!accepted) {
    world.violations.push({ kind: 'stuck', what: 'a loss was accepted, but not applied' });
    return;
  }
  const ending = await comeBack(world);
  if (ending === 'CACHE' || ending === 'DIRECT') await audit(world);
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
  // A running pod must have handed over, and one that stopped in an orderly way must have handed over what it knew.
  const owes = (podId: string) =>
    world.pods.some(
      ({ process, stoppedWell }) => podId.startsWith(`${process.name}.`) && (process.alive || stoppedWell),
    );
  return notHandedOver.length > 0 && !notHandedOver.some(({ podId }) => owes(podId));
}

/** Determines every unknown outcome, reads everything, and waits for the flush. */
async function audit(world: World): Promise<void> {
  const { scheduler, history } = world;
  const auditor = world.newClient();
  auditor.stop();
  world.clients.push(auditor);
  const until = scheduler.nowMs + BACK_WITHIN_MS;
  const open = [...history.transfers.values()].filter(
    ({ attempts }) =>
      attempts.some(({ answer }) => answer.kind === 'unknown' || answer.kind === 'given-up') &&
      !attempts.some(({ answer }) => isOutcome(answer)),
  );
  const groups = new Set(open.flatMap(({ attempts }) => attempts.flatMap(({ content }) => content.groupId ?? [])));
  for (const { transactionId, attempts } of open) {
    const single = attempts.find(({ content }) => content.groupId === undefined);
    if (single?.content.capture) void auditor.holds.settleCapture(transactionId, single.content);
    else if (single) void auditor.settle(transactionId, single.content);
  }
  for (const hold of history.holds.values()) if (isOpenHold(hold)) void auditor.holds.settle(hold.holdId);
  for (const groupId of groups) {
    const found = history.groups.get(groupId);
    if (found) void auditor.groups.settle(found.group);
  }
  await scheduler.run(until, () => auditor.settling + auditor.groups.settling + auditor.holds.settling === 0);
  for (const { accountId } of history.accounts) void auditor.read([accountId]);
  for (const { transactionId } of open) void auditor.seek(transactionId);
  for (const holdId of history.holds.keys()) void auditor.holds.read(holdId);
  await scheduler.run(until, () => world.asked === 0);
  while (scheduler.nowMs < until && (dueHoldsIn(world) > 0 || !(await isFlushed(world))))
    await scheduler.run(scheduler.nowMs + LOOK_EVERY_MS);
  if (auditor.holds.settling > 0)
    world.violations.push({ kind: 'stuck', what: `${auditor.holds.settling} holds or captures got no outcome` });
  if (dueHoldsIn(world) > 0)
    world.violations.push({ kind: 'stuck', what: `${dueHoldsIn(world)} holds are due and do not expire` });
  if (auditor.groups.settling > 0)
    world.violations.push({ kind: 'stuck', what: `${auditor.groups.settling} groups got no outcome` });
  if (auditor.settling > 0) world.violations.push({ kind: 'stuck', what: `${auditor.settling} ids got no outcome` });
  else if (!(await isFlushed(world))) world.violations.push({ kind: 'stuck', what: 'the journal is not flushed' });
}

/** True if no client knows whether the hold was placed or refused. */
const isOpenHold = (hold: HoldHistory): boolean => {
  const placings = hold.requests.filter(({ op }) => op === 'place');
  return (
    placings.some(({ answer }) => answer.kind === 'unknown' || answer.kind === 'given-up') &&
    !placings.some(({ answer }) => isHoldOutcome(answer))
  );
};

/** The number of open holds whose end has passed by every clock, long enough ago for a pod to have expired them. */
function dueHoldsIn({ mysql, livePods, redis }: World): number {
  const clocks = [mysql.wallMs, redis.current?.wallMs ?? mysql.wallMs, ...livePods.map(({ process }) => process.now())];
  const dueMs = Math.min(...clocks) - EXPIRES_WITHIN_MS;
  return [...mysql.tables.holds.values()].filter(({ state }) => state?.status === 'OPEN' && state.expiresAt < dueMs)
    .length;
}

async function isFlushed(world: World): Promise<boolean> {
  const { authority, cursor } = world.mysql.tables;
  if (authority.mode !== 'CACHE' || authority.replid === null) return true;
  const { model } = world.redis.current ?? {};
  if (!model) return false;
  const { epoch, format, replid } = authority;
  const caller = { fenceEpoch: epoch, epoch, format, replid };
  const found = await model.journal(caller, Number.MAX_SAFE_INTEGER - 1, 1).catch(() => null);
  return found !== null && cursor.epoch === authority.epoch && found.head.seq === cursor.seq;
}

function violationsIn({ history, mysql }: World): Finding[] {
  return check(history, booksIn(mysql.tables, history)).violations;
}
