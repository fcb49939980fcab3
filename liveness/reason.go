package liveness

// Reason is why a check could not come to, or did not come to, "live". The strings are stable.
type Reason string

// The reasons. reasons (below) maps each to the protocols' codes and to a sentence for the person.
const (
	ImageNotReadable Reason = "image_not_readable"
	ImageUnsupported Reason = "image_unsupported"
	ImageTooLarge    Reason = "image_too_large"
	ImageNotFetched  Reason = "image_not_fetched"
	FaceNotFound     Reason = "face_not_found"
	TooManyFaces     Reason = "too_many_faces"
	FaceTooSmall     Reason = "face_too_small"
	FaceCropped      Reason = "face_cropped"
	FaceTooClose     Reason = "face_too_close"
	FaceNearBorder   Reason = "face_close_to_border"
	FaceAngle        Reason = "face_angle_too_large"
	FaceOccluded     Reason = "face_is_occluded"
	PoorIllumination Reason = "poor_illumination"
	TooBlurry        Reason = "too_blurry"
	TooCompressed    Reason = "too_compressed"
	NoColour         Reason = "no_colour"

	VideoNotReadable Reason = "video_not_readable"
	VideoTooLarge    Reason = "video_too_large"
	VideoTooShort    Reason = "video_too_short"
	VideoTooLong     Reason = "video_too_long"
	FrameRateTooLow  Reason = "frame_rate_too_low"
	MouthNotVisible  Reason = "mouth_not_visible"
	LipsNotMoving    Reason = "lips_not_moving"
	FaceChanged      Reason = "face_changed"
	UnevenPrompts    Reason = "uneven_prompts"
	PromptsNotKept   Reason = "prompts_not_kept"
	EditedRecording  Reason = "edited_recording"
	MediaReplayed    Reason = "media_replayed"
)

// ReasonInfo is one row of the table of reasons.
type ReasonInfo struct {
	Reason Reason
	// LipSecure is the user error code of the LipSecure protocol for a recording that ends for this reason; 0: none.
	LipSecure int
	// FaceLiveness is the face liveness protocol's error for a picture that ends with this reason. If "", the picture is scored
	// or the reply is INTERNAL_ERROR.
	FaceLiveness string
	// Sentence tells the person in front of the camera what to do.
	Sentence string
}

// reasons is in the order of the LipSecure codes, then of the face liveness codes.
var reasons = []ReasonInfo{
	{VideoTooShort, 1001, "", "The video is too short. Please record again and say every digit of the phrase."},
	{UnevenPrompts, 1001, "", "The digits were not shown at an even pace. Please keep this page in front until the end and try again."},
	{PromptsNotKept, 1001, "", "The digits were not said when they were shown. Please say each digit as soon as it appears."},
	{PoorIllumination, 1002, "", "The light is not good enough to see your face. Please face a window or a lamp and try again."},
	{FaceNotFound, 1003, "FACE_NOT_FOUND", "We could not see a face. Please hold the camera in front of your face and try again."},
	{TooManyFaces, 1004, "TOO_MANY_FACES", "We can see more than one face. Please make sure that you are alone in the picture and try again."},
	{FaceTooSmall, 1005, "FACE_TOO_SMALL", "Your face is too far away. Please hold the camera closer and try again."},
	{FaceTooClose, 1006, "FACE_TOO_CLOSE", "Your face is too close to the camera. Please hold the camera further away and try again."},
	{FaceAngle, 1007, "FACE_ANGLE_TOO_LARGE", "Your head is turned away. Please look straight at the camera and try again."},
	{MouthNotVisible, 1008, "", "We could not see your mouth. Please uncover it and try again."},
	{LipsNotMoving, 1009, "", "We could not see your lips move. Please say the digits clearly and try again."},
	{TooBlurry, 1010, "", "The picture is too blurry. Please clean the lens, hold the camera still and try again."},
	{FrameRateTooLow, 1011, "", "The video has too few pictures a second. Please record with at least 10, better 25, and try again."},
	{FaceChanged, 1012, "", "The face changed during the video. Please record yourself in one go and try again."},
	{EditedRecording, 1012, "", "The video looks as if it was put together. Please record yourself in one go and try again."},
	{MediaReplayed, 1012, "", "This video was sent before. Please record yourself again."},
	{VideoNotReadable, 1013, "", "The video could not be read. Please record it again, as MP4 or WebM if you can choose."},
	{VideoTooLong, 1014, "", "The video is too long. Please record only the phrase and try again."},
	{FaceCropped, 1006, "FACE_CROPPED", "Part of your face is outside the picture. Please move it to the middle and try again."},
	{FaceNearBorder, 1006, "FACE_CLOSE_TO_BORDER", "Your face is too close to the edge of the picture. Please move it to the middle and try again."},
	{FaceOccluded, 1008, "FACE_IS_OCCLUDED", "Something covers your face. Please uncover it and try again."},
	{TooCompressed, 0, "", "The picture was compressed too much. Please send it as the camera made it."},
	{VideoTooLarge, 0, "", "The video has too many pixels. Please record it again with 1920x1080 or fewer."},
	{NoColour, 0, "", "The picture has no colour. Please send a colour picture, as the camera made it."},
	{ImageNotReadable, 0, "IMAGE_NOT_READABLE", "The picture could not be read. Please send a JPEG, PNG, WebP or BMP picture."},
	{ImageUnsupported, 0, "IMAGE_NOT_READABLE", "This kind of picture is not read. Please send a JPEG, PNG, WebP or BMP picture."},
	{ImageTooLarge, 0, "IMAGE_NOT_READABLE", "The picture has too many pixels. Please send a smaller one."},
	{ImageNotFetched, 0, "IMAGE_NOT_FETCHED", "The picture could not be fetched."},
}

// Info returns the reason's row of the table, and whether there is one.
func (r Reason) Info() (ReasonInfo, bool) {
	for _, row := range reasons {
		if row.Reason == r {
			return row, true
		}
	}
	return ReasonInfo{}, false
}

// Sentence returns what to tell the person; "" for the empty reason.
func (r Reason) Sentence() string {
	row, _ := r.Info()
	return row.Sentence
}

// Reasons lists the table, for documentation and tests.
func Reasons() []ReasonInfo { return append([]ReasonInfo(nil), reasons...) }
