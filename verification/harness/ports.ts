import { freePort } from '../../devstack/system/ports.mjs';

/** Ports that this process has already chosen. They may still be free, because many of them are used only later. */
const chosen = new Set<number>();

/** A free loopback port. */
export async function ownPort(): Promise<number> {
  const port = await freePort(chosen);
  chosen.add(port);
  return port;
}
