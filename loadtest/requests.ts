/** Requests as bytes, for generators that use bare sockets. */
import { randomBytes } from 'node:crypto';
import type { StackFile } from '../verification/harness/stack.ts';
import { accountId } from './bank.ts';

const random = (below: number): number => Math.floor(Math.random() * below);

/** Balance reads of uniformly chosen accounts. Each request is built only once, because there is one per account. */
export function balanceReads(url: string, { apiKey }: StackFile, accounts: number): () => Buffer {
  const { host } = new URL(url);
  const all = Array.from({ length: accounts }, (_, index) =>
    Buffer.from(
      `GET /v1/accounts/${accountId(index)}/balance HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${apiKey}\r\n\r\n`,
      'latin1',
    ),
  );
  return () => all[random(accounts)] ?? Buffer.alloc(0);
}

/** Transfers between uniformly chosen accounts, each with its own UUIDv7. */
export function transfers(url: string, { apiKey }: StackFile, accounts: number): () => Buffer {
  const { host } = new URL(url);
  const head = `POST /v1/transfers HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${apiKey}\r\nContent-Type: application/json\r\nContent-Length: `;
  const run = randomBytes(3).toString('hex');
  let number = 0;
  return () => {
    number += 1;
    const time = Date.now().toString(16).padStart(12, '0');
    const id = `${time.slice(0, 8)}-${time.slice(8)}-7${run.slice(0, 3)}-8${run.slice(3)}-${number.toString(16).padStart(12, '0')}`;
    const source = random(accounts);
    const destination = (source + 1 + random(accounts - 1)) % accounts;
    const body = `{"transactionId":"${id}","sourceAccount":"${accountId(source)}","destinationAccount":"${accountId(destination)}","amount":"0.01","currency":"EUR"}`;
    return Buffer.from(`${head}${body.length}\r\n\r\n${body}`, 'latin1');
  };
}
