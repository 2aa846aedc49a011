/**
 * A keeper in a separate process, with one difference: its reconciliation is scheduled by the time in the table
 * `moment`, not by MySQL's clock. For every completed check of the schedule, it records in `checks` whether the
 * reconciliation ran in this process.
 */
import { loadConfig } from '../../config/config.ts';
import { SingleRun } from '../../jobs/single-run.ts';
import { systemClock } from '../../kernel/clock.ts';
import { JobLease } from '../../mysql/operations/job-lease.ts';
import { createContext } from '../context.ts';
import { startKeeper } from '../keeper-role.ts';

const PAUSE_MS_MAX = 20;

// If the test is killed, it cannot end this keeper, which would continue to check its schedule at full speed.
process.once('disconnect', () => process.exit());

const context = await createContext(loadConfig({ ...process.env, ROLE: 'keeper' }), {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, PAUSE_MS_MAX), signal),
});
const [shard] = context.shards;
if (!shard) throw new Error('no shard');
const { database } = shard;
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
/** The time of the check that is being started. */
let nowMs = 0;
const realState = JobLease.prototype.state;
JobLease.prototype.state = async function state() {
  const atMs = nowMs;
  return { ...(await realState.call(this)), nowMs: atMs };
};
const realWhenDue = SingleRun.prototype.whenDue;
SingleRun.prototype.whenDue = async function whenDue(schedule, work) {
  const [moment] = await database.rows<{ ms: number }>('SELECT ms FROM moment');
  if (!moment) return false;
  nowMs = moment.ms;
  const ran = await realWhenDue.call(this, schedule, work);
  await database.rows('INSERT INTO checks (keeper, time_zone, ms, ran) VALUES (?, ?, ?, ?)', [
    context.processId,
    timeZone,
    moment.ms,
    ran,
  ]);
  return ran;
};
await startKeeper(context);
