import type { AcceptedLossStep } from '../../app/authority/authority-ports.ts';
import type { Format } from '../../app/domain/authority.ts';
import { check } from '../../verification/checker/check.ts';
import { withoutGivenUp } from '../../verification/checker/given-up.ts';
import { type HoldHistory, isHoldOutcome, isOutcome } from '../../verification/checker/history.ts';
import { Random } from '../core/random.ts';
import { withoutStackTraces } from '../core/stack-traces.ts';
import { booksIn, givenUpIn } from './books.ts';
import { begin, healAll } from './faults.ts';
import { type Plan, planOf } from './plan.ts';
import { type Assembly, PROTOCOL } from './ports.ts';
import { BACK_WITHIN_MS, comeBack, dueHoldsIn, type Ending, isFlushed, LOOK_EVERY_MS } from './recovery.ts';
import { TIMES } from './settings.ts';
import type { Theme } from './themes.ts';
import { type Finding, World } from './world.ts';

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

export interface RunOptions {
  /** The protocol; by default the unmodified one. */
  assembly?: Assembly;
  /** The theme of the run; by default a random one. */
  theme?: Theme | null;
  /** Called with a line for each event. */
  trace?: ((line: string) => void) | null;
}

/** Makes one run: load and faults, repair, recovery, and the verdict. */
export function runSeed(seed: number, options: RunOptions = {}): Promise<RunResult> {
  const run = () => runOnce(seed, options);
  return options.trace ? run() : withoutStackTraces(run);
}

async function runOnce(
  seed: number,
  { assembly = PROTOCOL, theme = null, trace = null }: RunOptions,
): Promise<RunResult> {
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
  for (const { transactionId, attempts } of open) void auditor.seek(transactionId, attempts[0]?.content.source ?? '');
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

function violationsIn({ history, mysql }: World): Finding[] {
  return check(history, booksIn(mysql.tables, history)).violations;
}
