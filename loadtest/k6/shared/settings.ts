import type { Options, Scenario } from 'k6/options';

/**
 * The environment variables of a script:
 *
 *   HOLDFAST_URL   addresses of pods or of a load balancer, separated by commas; each virtual user calls only one
 *   HOLDFAST_KEY   an API key with the scopes balances:read and transfers:write
 *   RATE SECONDS   requests per second, and duration
 *   ACCOUNTS SKEW  load-00000 … must be open; the exponent of Zipf's law in hundredths (0: uniform)
 *   OPEN_ACCOUNTS  if set, the script opens the accounts first
 *   BATCH          transfers per request, for batches
 *   BEST           for overload: the best rate, in transfers per second, that was measured beforehand
 *   VUS_MAX        maximum number of connections
 *   PATIENCE       factor for the latency limits: 1 on an otherwise idle machine
 */
function whole(name: string, least: number, most: number, usual: number): number {
  const text = __ENV[name];
  if (text === undefined || text === '') return usual;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
}

const ADDRESS = /^https?:\/\/[^/?#\s]+$/;

function addresses(): readonly string[] {
  const urls = (__ENV['HOLDFAST_URL'] || 'http://127.0.0.1:8080').split(',');
  const wrong = urls.find((url) => !ADDRESS.test(url));
  if (wrong === undefined) return urls;
  throw new RangeError(`HOLDFAST_URL must have the form http://host:port, not ${JSON.stringify(wrong)}`);
}

export const urls = addresses();
export const key = __ENV['HOLDFAST_KEY'] ?? '';
export const opensAccounts = (__ENV['OPEN_ACCOUNTS'] ?? '') !== '';
export const accounts = whole('ACCOUNTS', 2, 100_000, 10_000);
export const skew = whole('SKEW', 0, 300, 99) / 100;
export const bestRate = whole('BEST', 0, 1_000_000, 0);
export const vusMax = whole('VUS_MAX', 1, 20_000, 1000);
const patience = whole('PATIENCE', 1, 1000, 1);

export const rateOr = (usual: number): number => whole('RATE', 1, 100_000, usual);
export const secondsOr = (usual: number): number => whole('SECONDS', 1, 86_400, usual);
export const batchOr = (usual: number): number => whole('BATCH', 1, 1000, usual);
/** How long the scenario `failure` retries a request. */
export const recoverySeconds = whole('RECOVERY_SECONDS', 1, 600, 60);

/** If requests take longer than this, virtual users run out and arrivals are dropped, which a threshold reports. */
const HELD_MS = 250;
const VUS_MIN = 20;

/**
 * A scenario with an open loop: requests are sent at their planned times, whether or not earlier ones have been
 * answered.
 */
export function arrivals(name: string, rate: number, seconds: number, from = 0, heldMs = HELD_MS): Scenario {
  const vus = Math.min(vusMax, Math.max(VUS_MIN, Math.ceil((rate * heldMs) / 1000)));
  return {
    executor: 'constant-arrival-rate',
    exec: name,
    rate,
    timeUnit: '1s',
    startTime: `${from}s`,
    duration: `${seconds}s`,
    preAllocatedVUs: vus,
    maxVUs: vus,
    gracefulStop: '15s',
  };
}

type Thresholds = NonNullable<Options['thresholds']>;

/** A latency limit, ms. */
export const below = (quantile: 'p(95)' | 'p(99)', ms: number): string => `${quantile}<${ms * patience}`;

/** One in a thousand arrivals may be dropped. If more are dropped, the measured rate is not the requested one. */
export const DROPPED_SHARE_MAX = 0.001;

/**
 * Options for scenarios in which arrivals may be dropped, because k6 itself may be unable to send at the requested
 * rate.
 */
export function optionsOfAll(scenarios: Record<string, Scenario>, thresholds: Thresholds): Options {
  const { thresholds: { dropped_iterations: _, ...others } = {}, ...rest } = optionsOf(scenarios, thresholds, 0);
  return { ...rest, thresholds: others };
}

/** Options of every script. The URL tag is left out, because ten thousand accounts would create ten thousand series. */
export function optionsOf(scenarios: Record<string, Scenario>, thresholds: Thresholds, planned: number): Options {
  return {
    scenarios,
    systemTags: ['status', 'scenario', 'name', 'check', 'expected_response', 'error_code'],
    summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
    thresholds: {
      checks: ['rate==1'],
      http_req_failed: ['rate==0'],
      dropped_iterations: [`count<=${Math.ceil(planned * DROPPED_SHARE_MAX)}`],
      ...thresholds,
    },
  };
}
