import { newUuidV7 } from '../../../typescript/src/ids.ts';
import { type CliCommand, command } from '../command.ts';
import { SCRIPTS } from '../completion.ts';
import { EXIT } from '../exit-code.ts';
import { ACCOUNT_COMMANDS } from './accounts.ts';
import { AUDIT_COMMANDS } from './audit.ts';
import { BATCH_COMMANDS } from './batches.ts';
import { EVENT_COMMANDS } from './events.ts';
import { HOLD_COMMANDS } from './holds.ts';
import { IMPORT_COMMANDS } from './import.ts';
import { KEY_COMMANDS } from './keys.ts';
import { LIST_COMMANDS } from './lists.ts';
import { OPS_COMMANDS } from './ops.ts';
import { PROFILE_COMMANDS } from './profiles.ts';
import { STATEMENT_COMMANDS } from './statement.ts';
import { STOP_COMMANDS } from './stops.ts';
import { TRANSFER_COMMANDS } from './transfers.ts';

type Shell = keyof typeof SCRIPTS;

const completion = command('completion', {
  about: 'Prints the script that completes commands in a shell. For bash: eval "$(holdfast completion bash)"',
  options: {},
  operands: { label: 'SHELL', help: 'the shell', choices: Object.keys(SCRIPTS), min: 1, max: 1 },
  async run({ operands: [shell], output }) {
    await output.content(SCRIPTS[shell as Shell]);
    return EXIT.done;
  },
});

const newId = command('new-id', {
  about: 'Prints a new id, to store before a transfer or a hold is made.',
  options: {},
  async run({ output }) {
    const id = newUuidV7(Date.now());
    output.result({ id }, () => `${id}\n`);
    return EXIT.done;
  },
});

/** In the order in which the help lists them. */
export const COMMANDS: readonly CliCommand[] = [
  ...ACCOUNT_COMMANDS,
  ...TRANSFER_COMMANDS,
  ...LIST_COMMANDS,
  ...HOLD_COMMANDS,
  ...IMPORT_COMMANDS,
  ...BATCH_COMMANDS,
  ...STATEMENT_COMMANDS,
  ...EVENT_COMMANDS,
  ...OPS_COMMANDS,
  ...STOP_COMMANDS,
  ...AUDIT_COMMANDS,
  ...KEY_COMMANDS,
  ...PROFILE_COMMANDS,
  newId,
  completion,
];
