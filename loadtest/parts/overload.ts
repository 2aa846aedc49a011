import { randomBytes } from 'node:crypto';
import { Mysql } from '../../verification/harness/mysql.ts';
import { flushCursor } from '../bank.ts';
import { round } from '../measure.ts';
import { latencies, paced } from '../paced.ts';
import { transfers } from '../requests.ts';
import { Watch } from '../watch.ts';
import { wrk } from '../wrk.ts';
import { apiOf, type Bench, CONNECTIONS, type Found, type Part } from './part.ts';
import { caughtUp } from './transfers.ts';

const TIMES_BEST = 2;
/** Enough connections that nearly every request finds a free one at its planned time. */
const MANY_CONNECTIONS = 1500;
/**
 * A few additional clients that measure every response, because wrk cannot separate the latency of refusals from that
 * of other responses.
 */
const PROBES_PER_SECOND = 100;
const PROBE_CONNECTIONS = 100;

/** The best rate is measured before and after, so that other load on the machine affects both. */
export const overload: Part = {
  name: 'overload',
  title: `single transfers offered at ${TIMES_BEST} × the best rate`,
  async run(bench): Promise<Found> {
    const { stack, accounts, seconds } = bench;
    using mysql = await Mysql.open(stack.mysql);
    const cursor = await flushCursor(mysql);
    const before = await load(bench, CONNECTIONS);
    const offered = Math.round(TIMES_BEST * before.accepted);
    const watch = await Watch.begin(stack);
    const url = apiOf(stack);
    const [over, probes] = await Promise.all([
      load(bench, MANY_CONNECTIONS, offered),
      paced({
        url,
        perSecond: PROBES_PER_SECOND,
        seconds,
        connections: PROBE_CONNECTIONS,
        request: transfers(url, stack, accounts),
      }),
    ]);
    const seen = await watch.end(over.posted);
    const after = await load(bench, CONNECTIONS);
    await caughtUp(mysql, cursor, before.posted + over.posted + after.posted);
    const best = (before.accepted + after.accepted) / 2;
    const taken = latencies(probes, (status) => status < 300);
    const refused = latencies(probes, (status) => status === 429 || status === 503);
    const prefixed = (prefix: string, figures: Record<string, number>) =>
      Object.fromEntries(
        Object.entries(figures).flatMap(([name, value]) =>
          Number.isNaN(value) ? [] : [[`${prefix}: ${name}`, value]],
        ),
      );
    return {
      figures: {
        '/s': round(over.accepted),
        'best rate before and after, /s': round(best),
        'ratio to the best rate': round(over.accepted / best, 3),
        'offered, /s': offered,
        'sent, /s': over.sent,
        'probes accepted': taken.answered,
        ...prefixed('accepted', taken.figures),
        'probes refused': refused.answered,
        ...prefixed('refused', refused.figures),
        'probes with no response or an unexpected one': PROBES_PER_SECOND * seconds - taken.answered - refused.answered,
        'failed or timed out': over.lost,
        ...seen.figures,
      },
      seconds: seen.seconds,
    };
  },
};

/** @param perSecond the rate of sending; if absent, as fast as the service accepts */
async function load({ stack, accounts, seconds }: Bench, connections: number, perSecond?: number) {
  const run = randomBytes(3).toString('hex');
  const args = [
    stack.apiKey,
    String(accounts),
    run,
    'uniform',
    ...(perSecond === undefined ? [] : [String(perSecond)]),
  ];
  const result = await wrk({ script: 'transfers', url: apiOf(stack), connections, seconds, args });
  const posted = result.requests - result.refused;
  const lost = result.broken + result.timeouts;
  return { posted, accepted: (result.perSecond * posted) / result.requests, sent: result.perSecond, lost };
}
