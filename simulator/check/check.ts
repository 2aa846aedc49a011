import type { ChangeRow, Tables } from '../mysql/tables.ts';
import { accountHistories } from './accounts.ts';
import { isUnknown } from './history.ts';
import { checkIds } from './ids.ts';
import { checkSightings } from './sightings.ts';
import type { Add, CheckInput, Violation, ViolationKind } from './violations.ts';

/** Holds what clients were told against what MySQL has in the end. Pure: the same input, the same verdict. */
export function check(input: CheckInput): Violation[] {
  const violations: Violation[] = [];
  const add = (kind: ViolationKind, what: string) => violations.push({ kind, what });
  const accounts = accountHistories(input, add);
  checkIds(input, add);
  checkSum(input.tables, add);
  checkSightings(input, accounts, add);
  checkChanges(input, add);
  return violations;
}
function checkSum({ accounts }: Tables, add: Add): void {
  let sum = 0;
  for (const { balance } of accounts.values()) sum += balance;
  if (sum !== 0) add('sum', `all balances add up to ${sum}`);
}

/** Every change that was told stands; every change that stands was asked for, and not told to be undone. */
function checkChanges({ history, tables, waiting }: CheckInput, add: Add): void {
  const rows = new Map<string, ChangeRow[]>();
  for (const row of tables.changes.values()) {
    const own = rows.get(row.correlationId);
    if (own) own.push(row);
    else rows.set(row.correlationId, [row]);
  }
  for (const change of history.changes) {
    const own = rows.get(change.correlationId) ?? [];
    rows.delete(change.correlationId);
    if (own.length > 1) add('doubled', `change ${change.correlationId} was made ${own.length} times`);
    const { expectedSettingsVersion: expected } = change;
    for (const { settingsVersion } of own) {
      if (expected !== undefined && settingsVersion !== expected + 1)
        add('against-the-rules', `change ${change.correlationId} was made on settings version ${settingsVersion - 1}`);
    }
    const told = change.answer.kind === 'told';
    if (told && own.length === 0 && !waiting.accounts.has(change.accountId))
      add('lost', `change ${change.correlationId} was told as done, and is not in MySQL`);
    if (!told && own.length > 0 && !isUnknown(change))
      add('phantom', `change ${change.correlationId} is in MySQL, and came to nothing`);
  }
  for (const correlationId of rows.keys())
    add('phantom', `change ${correlationId} is in MySQL, and nobody asked for it`);
}
