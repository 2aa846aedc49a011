import { execFileSync } from 'node:child_process';

/** Runs a tool of the system that needs root. @throws Error with what it said when it fails, or is not there */
export function rootTool(command: string, args: readonly string[], input = ''): void {
  execFileSync(command, args, { input, stdio: ['pipe', 'ignore', 'pipe'] });
}
