import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ApiKeyRequest, wantedKeyOf } from '../api/keys/key-schema.ts';
import { ConfigError } from '../config/config.ts';
import type { SeededKey } from '../domain/api-keys.ts';
import { newUuidV7 } from '../domain/ids.ts';
import { Problem } from '../domain/problem.ts';
import type { Clock } from '../kernel/clock.ts';
import { hashOfKey } from '../mysql/operations/api-keys.ts';

const KEYS_MAX = 1_000;
const SECRET_LENGTH_MIN = 24;
/** Only characters that can be sent in a header, and enough of them that a key cannot be guessed. */
const SECRET = new RegExp(`^[!-~]{${SECRET_LENGTH_MIN},8192}$`);

const Seed = ApiKeyRequest.omit({ keyId: true }).extend({
  key: z.string().regex(SECRET, `must have at least ${SECRET_LENGTH_MIN} visible characters`).optional(),
  keyHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 hash in lower-case hex')
    .optional(),
});
const Seeds = z.array(Seed).max(KEYS_MAX);

/**
 * Reads the API keys of a file. An entry has the fields of a request to create a key, and either the `key` or its `keyHash`.
 * @throws ConfigError that names the invalid fields, but does not quote them
 */
export function readSeededKeys(file: string, clock: Clock): SeededKey[] {
  const refused = (faults: string[]): ConfigError =>
    new ConfigError(faults.map((fault) => `API_KEYS_FILE ${file}: ${fault}`));
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    // The message of a syntax error would quote the file.
    throw refused([
      error instanceof SyntaxError ? 'is not JSON' : `cannot be read (${(error as NodeJS.ErrnoException).code})`,
    ]);
  }
  const parsed = Seeds.safeParse(content);
  if (!parsed.success) throw refused(parsed.error.issues.map(({ path, message }) => `/${path.join('/')} ${message}`));
  return parsed.data.map(({ key, keyHash, ...request }, index) => {
    const hash = key === undefined ? keyHash : hashOfKey(key);
    if (hash === undefined || (key !== undefined && keyHash !== undefined))
      throw refused([`/${index} must have either key or keyHash`]);
    try {
      // A key that has expired since the file was written is not an error.
      return { hash, wanted: wantedKeyOf(request, newUuidV7(clock.now()), 0) };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw refused((error.extras.errors ?? []).map(({ pointer, detail }) => `/${index}${pointer} ${detail}`));
    }
  });
}
