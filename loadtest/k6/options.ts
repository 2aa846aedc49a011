import { flag, readCommandLine, text, wholeNumber } from '../../app/config/command-line.mjs';

/** The scenarios in the order in which `all` runs them: destructive ones come last. */
export const SCENARIOS = [
  'balance-reads',
  'single-transfers',
  'hot-account',
  'batches',
  'groups',
  'holds',
  'mixed-day',
  'spike',
  'soak',
  'capacity',
  'overload',
  'failure',
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** For each option: the environment variable that it sets for the scripts, and its help text. */
const NUMBERS = {
  rate: ['RATE', 'transfers (or reads, groups, holds) per second'],
  seconds: ['SECONDS', 'duration'],
  accounts: ['ACCOUNTS', 'number of accounts to open (10000)'],
  skew: ['SKEW', "exponent of Zipf's law in percent"],
  batch: ['BATCH', 'transfers per request'],
  best: ['BEST', 'the rate that overload doubles'],
  patience: ['PATIENCE', 'factor by which the latency limits are multiplied'],
  vus: ['VUS_MAX', 'maximum number of virtual users'],
} as const;
type NumberName = keyof typeof NUMBERS;
const numbers = Object.fromEntries(
  Object.entries(NUMBERS).map(([name, [, help]]) => [name, wholeNumber(help, { min: 0 })]),
) as Record<NumberName, ReturnType<typeof wholeNumber>>;

const COMMAND = {
  name: 'npm run k6 --',
  about: 'Runs a k6 scenario against its own stack or against --url, and reconciles the books.',
  options: {
    ...numbers,
    url: text(
      'URLS',
      'a running service, or several pods of it, separated by commas; HOLDFAST_KEY must be its API key',
    ),
    short: flag('ten seconds each'),
  },
  operands: { label: 'SCENARIO', help: 'The scenario to run.', choices: [...SCENARIOS, 'all'], min: 1, max: 1 },
  environment: { HOLDFAST_KEY: 'API key for --url' },
};

const SHORT_SECONDS = '10';

export interface Asked {
  scenarios: readonly ScenarioName[];
  /** Empty: start a separate stack. */
  urls: readonly string[];
  accounts: number;
  env: Readonly<Record<string, string>>;
  /** Whether RESULTS.md is written: only all scenarios together count as a result. */
  all: boolean;
}

export function asked(args: readonly string[]): Asked {
  const { values, operands } = readCommandLine(COMMAND, args);
  const known = SCENARIOS.find((scenario) => scenario === operands[0]);
  const env: Record<string, string> = values.short ? { SECONDS: SHORT_SECONDS } : {};
  for (const [option, [variable]] of Object.entries(NUMBERS)) {
    const value = values[option as NumberName];
    if (value !== undefined) env[variable] = String(value);
  }
  return {
    scenarios: known ? [known] : SCENARIOS,
    urls: values.url ? values.url.split(',') : [],
    accounts: values.accounts ?? 10_000,
    env,
    all: !known,
  };
}
