/**
 * A keeper as a process of its own, with one difference: the time by which its reconciliation is scheduled is not
 * MySQL's, but that in the table `moment`. It reports in `checks` at which moments it has checked the schedule.
 */
import { loadConfig } from '../../config/config.ts';
import { systemClock } from '../../kernel/clock.ts';
import { JobLease } from '../../mysql/operations/job-lease.ts';
import { createContext } from '../context.ts';
import { startKeeper } from '../keeper-role.ts';

const PAUSE_MS_MAX = 20;

const context = await createContext(loadConfig({ ...process.env, ROLE: 'keeper' }), {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, PAUSE_MS_MAX), signal),
});
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
const realState = JobLease.prototype.state;
JobLease.prototype.state = async function state() {
  const [moment] = await context.database.rows<{ ms: number }>('SELECT ms FROM moment');
  if (!moment) throw new Error('the test has not begun');
  const real = await realState.call(this);
  await context.database.rows('INSERT INTO checks (keeper, time_zone, ms) VALUES (?, ?, ?)', [
    context.processId,
    timeZone,
    moment.ms,
  ]);
  return { ...real, nowMs: moment.ms };
};
await startKeeper(context);
