import jsfeat from "jsfeat";
import cascade from "virtual:face-cascade";

/** A face in a small grey picture, in its pixels. */
export interface Face {
  x: number;
  y: number;
  /** The box is square and holds brows to mouth. */
  size: number;
  /** Whether enough of the detector agrees that the face looks at the camera; turned faces are found weakly or not. */
  frontal: boolean;
}

/** How sure the detector is of a face that looks straight; measured on frames of talking people and of turned heads. */
const leastNeighbours = 3;
const leastConfidence = 0;
/** The cascade's window, doubled: smaller faces are of no use, and the search is four times as quick. */
const smallest = 48;

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
    const pyramid = jsfeat.bbf.build_pyramid(this.picture, smallest, smallest, 4);
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
