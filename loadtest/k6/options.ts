import { parseArgs } from 'node:util';

/** In the order of `all`: what breaks something comes last. */
export const SCENARIOS = [
  'balance-reads',
  'single-transfers',
  'hot-account',
  'batches',
  'mixed-day',
  'spike',
  'soak',
  'capacity',
  'overload',
  'failure',
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** `--name` here is the variable of the scripts. */
const NUMBERS = {
  rate: 'RATE',
  seconds: 'SECONDS',
  accounts: 'ACCOUNTS',
  skew: 'SKEW',
  batch: 'BATCH',
  best: 'BEST',
  patience: 'PATIENCE',
  vus: 'VUS_MAX',
} as const;

const SHORT_SECONDS = '10';

export interface Asked {
  scenarios: readonly ScenarioName[];
  /** Empty: a stack of our own. */
  urls: readonly string[];
  accounts: number;
  env: Readonly<Record<string, string>>;
  /** Whether RESULTS.md is written: only all scenarios together are a result. */
  all: boolean;
}

/** @throws Error saying what is wrong with the command line */
export function asked(args: readonly string[]): Asked {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...(Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, text])) as Record<
        keyof typeof NUMBERS,
        typeof text
      >),
      url: text,
      short: { type: 'boolean', default: false },
    },
  });
  const [name = '', ...others] = positionals;
  const known = SCENARIOS.find((scenario) => scenario === name);
  if ((!known && name !== 'all') || others.length > 0)
    throw new Error(`usage: npm run k6 -- <${SCENARIOS.join('|')}|all> [--rate n] [--seconds n] [--url http://…]`);
  const env: Record<string, string> = values.short ? { SECONDS: SHORT_SECONDS } : {};
  for (const [option, variable] of Object.entries(NUMBERS)) {
    const value = values[option as keyof typeof NUMBERS];
    if (value !== undefined && !/^\d+$/.test(value))
      throw new Error(`--${option} must be a whole number, and is ${value}`);
    if (value !== undefined) env[variable] = value;
  }
  return {
    scenarios: known ? [known] : SCENARIOS,
    urls: values.url ? values.url.split(',') : [],
    accounts: Number(values.accounts ?? 10_000),
    env,
    all: !known,
  };
}
