/** Hands things to the device: the share sheet, the clipboard. Each says whether it worked. */

/**
 * Whether this device can share picture files.
 */
export function canShareFiles() {
  const probe = new File([new Uint8Array(1)], "probe.png", { type: "image/png" });
  return typeof navigator.canShare === "function" && navigator.canShare({ files: [probe] });
}

/**
 * Share a picture file with a link.
 *
 * @param {string} address of the picture
 * @param {string} name of the file
 * @param {{title: string, url: string}} about
 */
export async function shareFile(address, name, about) {
  const answer = await fetch(address);
  const file = new File([await answer.blob()], name, { type: answer.headers.get("content-type") ?? "image/png" });
  try {
    await navigator.share({ files: [file], ...about });
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) throw error; // else closed
  }
}

/**
 * Put text into the clipboard.
 * @param {string} text
 */
export function copyText(text) {
  return navigator.clipboard.writeText(text);
}

/**
 * Put a picture into the clipboard, as PNG, which every system takes.
 * @param {string} address
 */
export function copyPicture(address) {
  const png = fetch(address)
    .then((answer) => answer.blob())
    .then(createImageBitmap)
    .then((bitmap) => {
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
      return canvas.convertToBlob({ type: "image/png" });
    });
  return navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
}
