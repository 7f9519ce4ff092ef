// Waits for long work: asks how far it is until it is over.

const ASK_AFTER = 250;
const ASK_AT_MOST = 1500;

/** The finished job; `onProgress(job)` is told each time, and `isWanted()` says whether anybody still waits. */
export async function finished(session, job, { onProgress = () => {}, isWanted = () => true } = {}) {
  let wait = ASK_AFTER;
  let current = job;
  while (current.status === 'queued' || current.status === 'running') {
    onProgress(current);
    await new Promise((resolve) => { setTimeout(resolve, wait); });
    if (!isWanted()) return null;
    wait = Math.min(ASK_AT_MOST, wait * 1.4);
    current = await session.get(`jobs/${job.id}`);
  }
  return current;
}
