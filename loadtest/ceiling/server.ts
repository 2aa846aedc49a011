/**
 * Shared by the comparison servers: they report their port to the process that started them, and exit when it exits.
 */
import type { AddressInfo } from 'node:net';
import Koa from 'koa';

export interface TransferBody {
  transactionId: string;
  sourceAccount: string;
  destinationAccount: string;
  amount: string;
}

/** Answers POST with 201 and the result of `transfer`; `undefined` becomes a 409. */
export function serve(transfer: (body: TransferBody) => Promise<object | undefined>): void {
  const app = new Koa();
  app.use(async (ctx) => {
    const body = JSON.parse(await textOf(ctx.req)) as TransferBody;
    const answer = await transfer(body);
    ctx.status = answer === undefined ? 409 : 201;
    ctx.type = 'application/json';
    ctx.body = JSON.stringify(answer ?? { code: 'conflict' });
  });
  const server = app.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => process.exit());
}

function textOf(request: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.once('end', () => resolve(Buffer.concat(pieces).toString('utf8')));
    request.once('error', reject);
  });
}
