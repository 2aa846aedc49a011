import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LOOPBACK } from '../../devstack/system/ports.mjs';
import { Link } from './link.ts';
import { sleep } from './time.ts';

/** Echoes what it receives. */
const echo = createServer((socket) => {
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    heard += bytes;
    socket.write(bytes);
  });
});
let heard = '';
let link: Link;
let client: Socket;
let said = '';

async function dial(): Promise<void> {
  said = '';
  heard = '';
  client = connect(link);
  client.on('error', () => {});
  client.on('data', (bytes) => {
    said += bytes;
  });
  await once(client, 'connect');
}

beforeEach(async () => {
  await new Promise<void>((resolve) => echo.listen(0, LOOPBACK, resolve));
  const { port } = echo.address() as { port: number };
  link = await Link.to({ host: LOOPBACK, port });
  await dial();
});
afterEach(async () => {
  client.destroy();
  link[Symbol.dispose]();
  await new Promise((resolve) => echo.close(resolve));
});

it('a link passes everything on in order, even while it is slow', async () => {
  const numbers = Array.from({ length: 300 }, (_, index) => `${index},`);
  for (const [index, number] of numbers.entries()) {
    if (index === 100) link.slow(30);
    if (index === 200) link.slow(5);
    client.write(number);
    if (index % 10 === 0) await sleep(1);
  }
  await expect.poll(() => said.length).toBe(numbers.join('').length);
  expect(said).toBe(numbers.join(''));
});

it('data sent while a link is held up is delivered when it works again, even if the sender has given up', async () => {
  link.hold('requests');
  client.write('late');
  client.end();
  await sleep(50);
  expect(heard).toBe('');
  link.heal();
  await expect.poll(() => heard).toBe('late');
});

it('a link can hold up only the answers', async () => {
  link.hold('replies');
  client.write('hello');
  await sleep(50);
  expect(said).toBe('');
  link.heal();
  await expect.poll(() => said).toBe('hello');
});

it('while a link is cut, connections break, including new ones', async () => {
  link.cut();
  await expect.poll(() => client.destroyed).toBe(true);
  await dial().catch(() => {});
  await expect.poll(() => client.destroyed).toBe(true);
  link.heal();
  await dial();
  client.write('back');
  await expect.poll(() => said).toBe('back');
});
