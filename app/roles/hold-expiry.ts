import type { PodSession } from '../authority/pod/pod-session.ts';
import { isStopped } from '../domain/stop.ts';
import { HoldExpiry } from '../jobs/hold-expiry.ts';
import type { PodLedger } from '../ledger/pod-ledger.ts';
import { HoldSchedule } from '../mysql/operations/hold-schedule.ts';
import { JobLease } from '../mysql/operations/job-lease.ts';
import { repeat } from './repeat.ts';
import type { ShardContext } from './shard-context.ts';

const EVERY_MS = 1_000;

interface Expiring {
  session: PodSession;
  ledger: Pick<PodLedger, 'holds'>;
  shuttingDown(): boolean;
}

/** Until `stopped` aborts, ends holds that are due, unless another pod is doing so. */
export async function expireHolds(
  context: ShardContext,
  { session, ledger, shuttingDown }: Expiring,
  stopped: AbortSignal,
): Promise<void> {
  const { clock, database, ledgerClock, metrics, processId } = context;
  const isOpen = () => session.view() !== null || session.direct() !== null;
  const expiry = new HoldExpiry({
    lease: new JobLease(database, 'hold-expiry'),
    holds: new HoldSchedule(database),
    ledger: ledger.holds,
    // While this pod shuts down, another one takes over.
    ready: () => !shuttingDown() && session.format() === 2 && isOpen() && !isStopped(session.authority?.stops ?? 0),
    ledgerNow: () => ledgerClock.now(),
    clock,
    holder: processId,
    onExpired: (holds) => metrics.holdsExpired(holds),
  });
  const every = { everyMs: EVERY_MS, failure: 'the expiry of holds was postponed', stopped };
  await repeat(context, every, () => expiry.round());
  await expiry.release().catch(() => {});
}
