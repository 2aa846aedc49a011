import {
  type Command,
  choice,
  flag,
  type Options,
  text,
  UsageError,
  type Values,
  wholeNumber,
} from '../../../app/config/command-line.mjs';
import { Holdfast } from '../../typescript/src/client.ts';
import type { ExitCode } from './exit-code.ts';
import type { Output } from './output.ts';
import type { Profile, Profiles } from './profiles.ts';

/** The environment of a command; tests substitute their own. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly output: Output;
  readonly profiles: Profiles;
  /** The whole standard input, for a key that is piped in. */
  readonly readStdin: () => Promise<string>;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Given<O extends Options> extends Surroundings {
  readonly values: Values<O & typeof COMMON>;
  readonly operands: readonly string[];
  /** A client of the chosen service. @throws UsageError if none is chosen */
  readonly holdfast: () => Holdfast;
  /** The chosen service. @throws UsageError if none is chosen */
  readonly service: () => Profile;
}

/** Options of every command. There is none for the key, because other users of the machine can see options. */
export const COMMON = {
  profile: text('NAME', 'the profile to use; by default HOLDFAST_PROFILE, or else the current profile'),
  url: text('URL', 'the address of the service; by default HOLDFAST_URL, or else that of the profile'),
  json: flag('print JSON, one result per line'),
  timeout: wholeNumber('give up after this many seconds', { min: 1, max: 86_400, fallback: 60 }),
};

const ENVIRONMENT = {
  HOLDFAST_PROFILE: 'the profile to use',
  HOLDFAST_URL: 'the address of the service; needs HOLDFAST_API_KEY',
  HOLDFAST_API_KEY: 'the key, instead of that of the profile',
  HOLDFAST_PROFILES: 'the profile file, instead of ~/.config/holdfast/profiles.json',
};

export interface CliCommand extends Command<Options> {
  /** One or two words: `transfers create`. */
  readonly path: string;
  run(given: Given<Options>): Promise<ExitCode>;
}

/** Defines a command; its options are in addition to the common ones. */
export function command<O extends Options>(
  path: string,
  definition: Omit<Command<O>, 'name' | 'environment'> & { run(given: Given<O>): Promise<ExitCode> },
): CliCommand {
  const { run, options, ...rest } = definition;
  return {
    ...rest,
    path,
    name: `holdfast ${path}`,
    options: { ...options, ...COMMON },
    environment: ENVIRONMENT,
    run: (given) => run(given as unknown as Given<O>),
  };
}

/** The service that the options, the environment and the profiles select. @throws UsageError */
export function serviceOf(
  { env, profiles }: Pick<Surroundings, 'env' | 'profiles'>,
  { profile: named, url }: { profile?: string | undefined; url?: string | undefined },
): Profile {
  // A profile named on the command line takes precedence over the service in the environment.
  const address = url ?? (named === undefined ? env['HOLDFAST_URL'] : undefined);
  const key = env['HOLDFAST_API_KEY'];
  if (address !== undefined && key !== undefined) return { url: address, apiKey: key };
  const name = named ?? env['HOLDFAST_PROFILE'] ?? profiles.current;
  if (name === null || name === undefined)
    throw new UsageError(
      'No service is chosen. Run: holdfast profile add NAME --url URL, or set HOLDFAST_URL and HOLDFAST_API_KEY',
    );
  const profile = profiles.get(name);
  // The key of one service must not be sent to another.
  if (address !== undefined && address !== profile.url)
    throw new UsageError(`The profile "${name}" is for ${profile.url}. Set HOLDFAST_API_KEY to use another address.`);
  const isKeyOfOther = (env['HOLDFAST_URL'] ?? profile.url) !== profile.url;
  return { url: profile.url, apiKey: isKeyOfOther ? profile.apiKey : (key ?? profile.apiKey) };
}

const MS_PER_SECOND = 1000;

export function clientOf(service: Profile, timeoutSeconds: number): Holdfast {
  try {
    return new Holdfast({ ...service, deadlineMs: timeoutSeconds * MS_PER_SECOND });
  } catch (error) {
    if (error instanceof TypeError)
      throw new UsageError(`${service.url} is not the address of a service: ${error.message}.`);
    throw error;
  }
}

/** An option that must be given. @throws UsageError */
export function required<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw new UsageError(`--${name} is missing.`);
  return value;
}

export const durability = choice(
  ['cache', 'persisted'],
  'wait until the result is in Redis (cache) or in MySQL (persisted)',
  'cache',
);

/** `invoice=2026-0042` … @throws UsageError */
export function metadataOf(pairs: readonly string[]): { metadata?: Record<string, string> } {
  if (pairs.length === 0) return {};
  const entries = pairs.map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--metadata must be NAME=VALUE, not "${pair}".`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return { metadata: Object.fromEntries(entries) as Record<string, string> };
}

/** Only the members that have a value: the library's types do not accept `undefined`. */
export function given<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
