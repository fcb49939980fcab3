package id.bonafide;

import java.time.Duration;

/** The error of a reply. It is one of the three classes in it, which say who can fix it. */
public abstract class BonafideException extends Exception {
    private static final long serialVersionUID = 1;

    private final int status;
    private final String code;
    private Duration retryAfter = Duration.ZERO;

    private BonafideException(int status, String code, String message) {
        super(message);
        this.status = status;
        this.code = code;
    }

    /** For the person in front of the camera: show them what to do better, and let them try again. */
    public static final class User extends BonafideException {
        private static final long serialVersionUID = 1;

        User(int status, String code, String message) {
            super(status, code, message);
        }
    }

    /** For whoever wrote the calling program. */
    public static final class Client extends BonafideException {
        private static final long serialVersionUID = 1;

        Client(int status, String code, String message) {
            super(status, code, message);
        }
    }

    /** For whoever runs the server. */
    public static final class Server extends BonafideException {
        private static final long serialVersionUID = 1;

        Server(int status, String code, String message) {
            super(status, code, message);
        }
    }

    /** The HTTP status; 200 for what is wrong with the picture or the video. */
    public int status() {
        return status;
    }

    /** The protocol's code: LipSecure's number, such as "1009", or a name, such as "FACE_NOT_FOUND". */
    public String code() {
        return code;
    }

    /** How long the server asks to wait; zero where it does not say. */
    public Duration retryAfter() {
        return retryAfter;
    }

    BonafideException after(Duration wait) {
        retryAfter = wait;
        return this;
    }
}
