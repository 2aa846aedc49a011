import { execFileSync } from 'node:child_process';

/** Runs a system tool that needs root. @throws Error with its output if it fails, or is not installed */
export function rootTool(command: string, args: readonly string[], input = ''): void {
  execFileSync(command, args, { input, stdio: ['pipe', 'ignore', 'pipe'] });
}
