import { z } from 'zod';
import { isCron, isTimeZone } from '../kernel/schedule.ts';
import { splitUrls, urlOfShard } from './shard-urls.ts';

export const HOUR_MS = 3_600_000;
export const MINUTE_MS = 60_000;
export const MIB = 1024 * 1024;
export const GIB = 1024 * MIB;

/** The allowed text of a setting, and the value that it is parsed into. */
export interface Kind<T> {
  schema: z.ZodType<T, string>;
  /** The allowed values in words: shown in the docs, and in error messages after "must be". */
  range: string;
  /** True when the text may contain a credential: no message may ever repeat it. */
  secret: boolean;
}

export interface Setting<T> extends Kind<T> {
  variable: string;
  /** Undefined: the setting is required. Null: the feature is off unless the setting is given. */
  fallback: T | undefined;
  description: string;
}

export function setting<T>(variable: string, kind: Kind<T>, fallback: T, description: string): Setting<T> {
  return { ...kind, variable, fallback, description };
}

export function required<T>(variable: string, kind: Kind<T>, description: string): Setting<T> {
  return { ...kind, variable, fallback: undefined, description };
}

export function optional<T>(variable: string, kind: Kind<T>, description: string): Setting<T | null> {
  return { ...kind, variable, fallback: null, description };
}

/** Digits only: `Number()` alone would accept "", "0x10", "1e3" and "1.0", and a typo would become a limit. */
export function integer(min: number, max: number): Kind<number> {
  const range = `a whole number from ${min} to ${max}`;
  const schema = z
    .string()
    .regex(/^\d{1,16}$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max));
  return { schema, range, secret: false };
}

export function ratio(): Kind<number> {
  const schema = z
    .string()
    .regex(/^\d(\.\d{1,9})?$/)
    .transform(Number)
    .pipe(z.number().max(1));
  return { schema, range: 'a number from 0 to 1', secret: false };
}

export function choice<const T extends string>(...values: [T, ...T[]]): Kind<T> {
  return { schema: z.string().pipe(z.enum(values)), range: `one of ${values.join(', ')}`, secret: false };
}

/** Text that matches a pattern; `range` describes the pattern in words. */
export function text(pattern: RegExp, range: string): Kind<string> {
  return { schema: z.string().regex(pattern), range, secret: false };
}

/** Text that fulfills a condition; `range` describes the condition in words. */
export function textWhere(
  fits: (text: string) => boolean,
  range: string,
  { secret }: { secret: boolean },
): Kind<string> {
  return { schema: z.string().refine(fits), range, secret };
}

export function secret(charactersMin: number): Kind<string> {
  return { schema: z.string().min(charactersMin), range: `at least ${charactersMin} characters`, secret: true };
}

/** A URL with one of the schemes (without colon). Always secret, because any URL may contain a password. */
export function url(
  schemes: readonly string[],
  range: string,
  accept: (url: URL) => boolean = () => true,
): Kind<string> {
  const fits = (value: string): boolean => {
    const parsed = URL.canParse(value) ? new URL(value) : null;
    return (
      parsed !== null && parsed.hostname !== '' && schemes.includes(parsed.protocol.slice(0, -1)) && accept(parsed)
    );
  };
  return { schema: z.string().refine(fits), range, secret: true };
}

/**
 * One URL, in which `{shard}` stands for the number of a shard, or one URL per shard with whitespace between them. Always
 * secret. @param accept whether a URL, with a number in place of `{shard}`, has the right form
 */
export function shardUrls(range: string, accept: (url: string) => boolean): Kind<string> {
  const fits = (text: string): boolean => splitUrls(text).every((each) => accept(urlOfShard(each, 0)));
  return { schema: z.string().refine(fits), range, secret: true };
}

export function cron(): Kind<string> {
  return { schema: z.string().refine((value) => isCron(value)), range: 'a cron expression', secret: false };
}

export function timeZone(): Kind<string> {
  return { schema: z.string().refine(isTimeZone), range: 'a time zone such as UTC or Europe/Berlin', secret: false };
}
