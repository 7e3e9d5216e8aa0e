// A database's write-ahead log (DB-wal), brought home into a copy of the database, as SQLite does it: what a run has written
// and not closed yet stands there. The format is that of sqlite.org/walformat.html.

const logHeaderBytes = 32, frameHeaderBytes = 24;

// The running sums of SQLite over `bytes`, from [a, b] on.
function checked(view, begin, bytes, isLittle, [a, b]) {
  for (let at = begin; at < begin + bytes; at += 8) {
    a = (a + view.getUint32(at, isLittle) + b) >>> 0;
    b = (b + view.getUint32(at + 4, isLittle) + a) >>> 0;
  }
  return [a, b];
}
const holdsSums = (view, at, [a, b]) => view.getUint32(at) === a && view.getUint32(at + 4) === b;
// The frames up to the last commit that is whole: [{page, begin}], and how many pages the database has then. What comes after,
// or is left of an earlier use of the file, is none of it.
function committedFrames(log, pageBytes) {
  const view = new DataView(log.buffer, log.byteOffset, log.length), none = {frames: [], pages: 0};
  if (log.length < logHeaderBytes || view.getUint32(0) >>> 1 !== 0x377f0682 >>> 1 || view.getUint32(8) !== pageBytes) return none;
  const isLittle = (view.getUint32(0) & 1) === 0;
  let sums = checked(view, 0, 24, isLittle, [0, 0]);
  if (!holdsSums(view, 24, sums)) return none;
  const frames = [];
  let committed = 0, pages = 0;
  for (let at = logHeaderBytes; at + frameHeaderBytes + pageBytes <= log.length; at += frameHeaderBytes + pageBytes) {
    if (view.getUint32(at + 8) !== view.getUint32(16) || view.getUint32(at + 12) !== view.getUint32(20)) break;
    sums = checked(view, at + frameHeaderBytes, pageBytes, isLittle, checked(view, at, 8, isLittle, sums));
    if (!holdsSums(view, at + 16, sums)) break;
    frames.push({page: view.getUint32(at), begin: at + frameHeaderBytes});
    const sizeAfter = view.getUint32(at + 4);
    if (sizeAfter) [committed, pages] = [frames.length, sizeAfter];
  }
  return {frames: frames.slice(0, committed), pages};
}
// The database with what its log holds.
function withLog(bytes, log) {
  const said = bytes[16] << 8 | bytes[17], pageBytes = said === 1 ? 65536 : said;
  const {frames, pages} = committedFrames(log, pageBytes);
  if (!frames.length) return bytes;
  const whole = new Uint8Array(pages * pageBytes);
  whole.set(bytes.subarray(0, whole.length));
  for (const {page, begin} of frames)
    if (page <= pages) whole.set(log.subarray(begin, begin + pageBytes), (page - 1) * pageBytes);
  return whole;
}
