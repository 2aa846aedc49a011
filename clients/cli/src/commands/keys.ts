import { some, text, wholeNumber } from '../../../../app/config/command-line.mjs';
import { OutcomeUnknownError } from '../../../typescript/src/errors.ts';
import type { ApiKey, IssuedApiKey, KeyLogEntry } from '../../../typescript/src/types.ts';
import { command, given, required } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { factsOf, type Output, tableOf } from '../output.ts';

const one = { label: 'KEY', help: 'the id of the key', min: 1, max: 1 };
const SCOPES = ['balances:read', 'accounts:write', 'transfers:write', 'webhooks:write', 'ops'] as const;
const SHOWN_MAX = 100_000;

export const KEY_COMMANDS = [
  command('keys create', {
    about: 'Creates an API key, and prints it. It is shown only once. Needs the scope ops.',
    options: {
      user: text('NAME', 'the user that is recorded with every posting'),
      scopes: some(SCOPES, 'what the key may do'),
      name: text('TEXT', 'what the key is for'),
      'account-prefixes': text('PREFIXES', 'only accounts whose ids begin with one of these, separated by commas'),
      expires: text('TIME', 'when it expires; never by default'),
      id: text('ID', 'the id of the key; a new one by default'),
    },
    async run({ values, holdfast, output, signal }) {
      const client = holdfast();
      const request = {
        keyId: values.id ?? client.newId(),
        user: required('user', values.user),
        scopes: [...required('scopes', values.scopes)],
        ...given({
          name: values.name,
          accountPrefixes: values['account-prefixes']?.split(','),
          expiresAt: values.expires,
        }),
      };
      return issue(request.keyId, () => client.keys.create(request, { signal }), output);
    },
  }),
  command('keys list', {
    about: 'Lists the API keys, without their secrets. Needs the scope ops.',
    options: {},
    async run({ holdfast, output, signal }) {
      const keys: ApiKey[] = [];
      for await (const key of holdfast().keys.list({ signal })) {
        if (output.isJson) output.result(key, () => '');
        else if (keys.push(key) === SHOWN_MAX) break;
      }
      if (!output.isJson) output.result({}, () => keysText(keys));
      return EXIT.done;
    },
  }),
  command('keys log', {
    about: 'Lists who created, rotated and revoked which keys, the latest first. Needs the scope ops.',
    options: { limit: wholeNumber('how many', { min: 1, max: SHOWN_MAX, fallback: 50 }) },
    async run({ values: { limit }, holdfast, output, signal }) {
      const entries: KeyLogEntry[] = [];
      for await (const entry of holdfast().keys.log({ signal })) if (entries.push(entry) === limit) break;
      if (output.isJson) for (const entry of entries) output.result(entry, () => '');
      else output.result({}, () => logText(entries));
      return EXIT.done;
    },
  }),
  command('keys rotate', {
    about: 'Replaces an API key with a new one, and prints the new key. Both are valid until the overlap has passed.',
    options: {
      'overlap-hours': wholeNumber('how long the old key remains valid', { min: 0, max: 720, fallback: 24 }),
      expires: text('TIME', 'when the new key expires; never by default'),
      id: text('ID', 'the id of the new key; a new one by default'),
    },
    operands: one,
    async run({ values, operands: [keyId = ''], holdfast, output, signal }) {
      const client = holdfast();
      const newKeyId = values.id ?? client.newId();
      const overlapSeconds = values['overlap-hours'] * 3600;
      const request = { keyId: newKeyId, overlapSeconds, ...given({ expiresAt: values.expires }) };
      return issue(newKeyId, () => client.keys.rotate(keyId, request, { signal }), output);
    },
  }),
  command('keys revoke', {
    about: 'Revokes an API key for good. Revoking it again changes nothing.',
    options: { reason: text('TEXT', 'why, for the log') },
    operands: one,
    async run({ values, operands: [keyId = ''], holdfast, output, signal }) {
      const key = await holdfast().keys.revoke(keyId, { signal, ...given({ reason: values.reason }) });
      output.result(key, () => factsOf({ revoked: key.keyId, user: key.user, at: key.revokedAt }));
      return EXIT.done;
    },
  }),
];

/** Runs a request for a new key. If its outcome is unknown, the id is the only way for the user to find the key. */
async function issue(keyId: string, request: () => Promise<IssuedApiKey>, output: Output): Promise<ExitCode> {
  try {
    return reportIssued(await request(), output);
  } catch (error) {
    if (!(error instanceof OutcomeUnknownError)) throw error;
    const detail = `${error.message}\nThe key ${keyId} may exist. Run: holdfast keys revoke ${keyId} (exit code 4: it does not exist), and create another one.`;
    output.error({ error: error.name, keyId, detail, correlationId: error.correlationId }, detail);
    return EXIT.unknown;
  }
}

/** Only the secret goes to standard output, so that it can be piped into a secret store. */
function reportIssued({ secret, ...key }: IssuedApiKey, output: Output): ExitCode {
  if (secret === null) {
    const detail = `The answer that contained the key was lost. Run: holdfast keys revoke ${key.keyId}, and create another one.`;
    output.error({ error: 'secret_lost', keyId: key.keyId, detail }, detail);
    return EXIT.unknown;
  }
  output.note(`Key ${key.keyId} of ${key.user}, with ${key.scopes.join(' ')}. It is not shown again:`);
  output.result({ ...key, secret }, () => `${secret}\n`);
  return EXIT.done;
}

const logText = (entries: readonly KeyLogEntry[]): string =>
  tableOf(
    ['TIME', 'ACTION', 'KEY', 'BY', 'CONTENT'],
    entries.map(({ at, action, keyId, user, content }) => [at, action, keyId, user, JSON.stringify(content)]),
  );

const keysText = (keys: readonly ApiKey[]): string =>
  tableOf(
    ['KEY', 'USER', 'STATUS', 'SCOPES', 'EXPIRES', 'LAST USED', 'NAME'],
    keys.map((key) => [key.keyId, key.user, key.status, key.scopes.join(' '), key.expiresAt, key.lastUsedAt, key.name]),
  );
