import { freePort } from '../../devstack/system/ports.mjs';

/** Ports that this process has chosen: many of them are listened on only later. */
const chosen = new Set<number>();

/** A loopback port for something of ours. */
export async function ownPort(): Promise<number> {
  const port = await freePort(chosen);
  chosen.add(port);
  return port;
}
