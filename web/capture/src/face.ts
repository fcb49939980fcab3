import jsfeat from "jsfeat";
import cascade from "virtual:face-cascade";

/** A face in a small grey picture, in its pixels. */
export interface Face {
  x: number;
  y: number;
  /** The box is square and holds brows to mouth. */
  size: number;
  /** Whether the detector is sure, as it is of a face that looks at the camera; turned faces are found weakly or not. */
  frontal: boolean;
}

/** How sure the detector is of a face that looks straight: on a frame in three or so of people who do, and hardly ever of
 * heads turned by 30 degrees and more. */
const leastNeighbours = 3;
const leastConfidence = 2;
/** The cascade's window, in pixels: the frame is shrunk until this is all that is left of it. */
const cascadeSize = 24;

/** Finds the main face in grey pictures of one size, in about 5 ms for 160x120. */
export class FaceFinder {
  private readonly picture;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    jsfeat.bbf.prepare_cascade(cascade);
    // jsfeat keeps the first picture that it sees: always the same one.
    this.picture = new jsfeat.matrix_t(width, height, jsfeat.U8_t | jsfeat.C1_t);
  }

  find(grey: Uint8Array): Face | undefined {
    this.picture.data.set(grey);
    const pyramid = jsfeat.bbf.build_pyramid(this.picture, cascadeSize, cascadeSize, 4);
    const found = jsfeat.bbf.group_rectangles(jsfeat.bbf.detect(pyramid, cascade), 1);
    const best = found.sort((a, b) => b.neighbors - a.neighbors || b.confidence - a.confidence)[0];
    if (!best) return undefined;
    return {
      x: best.x,
      y: best.y,
      size: best.width,
      frontal: best.neighbors >= leastNeighbours && best.confidence >= leastConfidence,
    };
  }
}
