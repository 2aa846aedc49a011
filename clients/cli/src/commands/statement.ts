import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { choice, text } from '../../../../app/config/command-line.mjs';
import { command, required } from '../command.ts';
import { EXIT } from '../exit-code.ts';

export const STATEMENT_COMMANDS = [
  command('statement', {
    about: 'Downloads a statement for a period. The file is created only once the statement is complete.',
    options: {
      from: text('TIME', 'the start of the period, such as 2026-01-01T00:00:00Z'),
      to: text('TIME', 'the end of the period, exclusive'),
      format: choice(['csv', 'camt.053'] as const, 'csv, or ISO 20022', 'csv'),
      output: text('FILE', 'write to this file; otherwise to standard output'),
    },
    operands: { label: 'ACCOUNT', help: 'the id of the account', min: 1, max: 1 },
    async run({ values, operands: [accountId = ''], holdfast, output, signal }) {
      const period = { from: required('from', values.from), to: required('to', values.to), format: values.format };
      const { body } = await holdfast().accounts.statement(accountId, period, { signal });
      if (values.output === undefined) {
        for await (const chunk of body as ReadableStream<Uint8Array>) await output.content(chunk);
        return EXIT.done;
      }
      await toFile(body as ReadableStream<Uint8Array>, values.output);
      output.result({ file: values.output }, () => `Wrote ${values.output}.\n`);
      return EXIT.done;
    },
  }),
];

/** The file has another name until it is complete. */
async function toFile(body: ReadableStream<Uint8Array>, file: string): Promise<void> {
  const draft = `${file}.part`;
  try {
    await pipeline(Readable.fromWeb(body), createWriteStream(draft));
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
