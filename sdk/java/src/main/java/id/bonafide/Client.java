package id.bonafide;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Client of a bonafide face-liveness server: LipSecure, selfie liveness and face liveness. It calls one server for one
 * account; credentials of protocols that are not called need not be set. It is safe for use by several threads once it is set up.
 *
 * <p>Requests that the server refuses with status 429 or 503 were not carried out; they are retried after the time that the
 * server names. What a reply says is wrong is a {@link BonafideException}; if no reply came, an IOException is thrown,
 * HttpTimeoutException where the time was up.
 */
public final class Client {
    /** The longest waits that the client chooses itself: doubled for each attempt. */
    private static final Duration FIRST_WAIT = Duration.ofMillis(500);
    private static final Duration MAX_BACKOFF = Duration.ofSeconds(8);

    private final String url;
    private final HttpClient http = HttpClient.newHttpClient();
    private String apiKey = "";
    private String appId = "";
    private String appKey = "";
    private String username = "";
    private String password = "";
    private Duration timeout = Duration.ofMinutes(1);
    private int retries = 3;
    private Duration maxWait = Duration.ofSeconds(30);

    /** Makes a client of the server at an address such as "https://liveness.example". */
    public Client(String url) {
        this.url = url.replaceAll("/+$", "");
    }

    /** Sets the key for LipSecure. */
    public Client lipSecure(String key) {
        apiKey = key;
        return this;
    }

    /** Sets the credentials for selfie liveness. */
    public Client selfieLiveness(String id, String key) {
        appId = id;
        appKey = key;
        return this;
    }

    /** Sets the credentials for face liveness. */
    public Client faceLiveness(String user, String secret) {
        username = user;
        password = secret;
        return this;
    }

    /** Sets how long one attempt may take; a minute where it is not set. */
    public Client timeout(Duration limit) {
        timeout = limit;
        return this;
    }

    /** Sets how often a request that was refused with 429 or 503 is retried; 3 by default. */
    public Client retries(int times) {
        retries = times;
        return this;
    }

    /** Sets the longest wait before such an attempt, 30 seconds where it is not set. A server that asks for more gets none. */
    public Client maxWait(Duration limit) {
        maxWait = limit;
        return this;
    }

    /** A transaction of LipSecure, and the digits that the person is to say. */
    public static final class Challenge {
        public final String transactionId;
        public final String phrase;

        Challenge(String transactionId, String phrase) {
            this.transactionId = transactionId;
            this.phrase = phrase;
        }
    }

    /** A face's box in pixels, and how sure the detector is of it, 0 to 1. */
    public static final class Face {
        public final double x;
        public final double y;
        public final double width;
        public final double height;
        public final double confidence;

        Face(Map<?, ?> face) {
            x = number(map(face, "top_left"), "x");
            y = number(map(face, "top_left"), "y");
            width = number(map(face, "delta"), "x");
            height = number(map(face, "delta"), "y");
            confidence = number(face, "confidence");
        }
    }

    /** What selfie liveness says of a picture. */
    public static final class Selfie {
        /** Whether the score reaches the threshold; also false if there is no face or the picture is too poor. */
        public final boolean live;
        /** That of the largest face, 0 to 1. */
        public final double score;
        /** All faces, the largest first. */
        public final List<Face> faces;
        /** The picture as shown, in pixels. */
        public final int width;
        public final int height;

        Selfie(Map<?, ?> reply) {
            Map<?, ?> data = map(reply, "response_data");
            List<Face> found = new ArrayList<>();
            for (Object face : (List<?>) data.get("faces_predicted")) {
                found.add(new Face((Map<?, ?>) face));
            }
            live = number(reply, "response_code") == 0;
            score = number(data, "faces_liveness");
            faces = List.copyOf(found);
            width = (int) number(map(data, "img"), "width");
            height = (int) number(map(data, "img"), "height");
        }
    }

    /** Starts a LipSecure transaction. */
    public Challenge challenge() throws BonafideException, IOException, InterruptedException {
        Map<?, ?> reply = call(request("/challenge", new byte[0], "X-API-Key", apiKey), Client::lipSecureFault);
        return new Challenge((String) reply.get("transactionId"), (String) reply.get("phrase"));
    }

    /**
     * Sends the video of the person saying the transaction's phrase. The score, 0 to 100, is the estimated probability, in
     * percent, that the video is a live response to it. A BonafideException.User leaves the transaction open.
     */
    public double verify(String transactionId, byte[] video) throws BonafideException, IOException, InterruptedException {
        Form form = new Form().file("file", video);
        String path = "/verifier/" + URLEncoder.encode(transactionId, StandardCharsets.UTF_8).replace("+", "%20");
        return number(call(request(path, form.end(), "X-API-Key", apiKey, "Content-Type", form.type()), Client::lipSecureFault), "score");
    }

    /** Judges a picture against the account's threshold. */
    public Selfie selfie(byte[] picture) throws BonafideException, IOException, InterruptedException {
        return selfie(new Form().file("selfie", picture));
    }

    /** Judges a picture against a threshold, 0 to 1. */
    public Selfie selfie(byte[] picture, double threshold) throws BonafideException, IOException, InterruptedException {
        return selfie(new Form().field("threshold", Double.toString(threshold)).file("selfie", picture));
    }

    private Selfie selfie(Form form) throws BonafideException, IOException, InterruptedException {
        return new Selfie(call(request("/liveness-verification", form.end(), "app_id", appId, "app_key", appKey,
            "Content-Type", form.type()), Client::selfieFault));
    }

    /** Judges a picture; the session's name may be "". The score is 0 to 1. */
    public double face(byte[] picture, String session) throws BonafideException, IOException, InterruptedException {
        return face(Base64.getEncoder().encodeToString(picture), session);
    }

    /** Judges the picture at an http or https URL, which the server fetches. The score is 0 to 1. */
    public double faceAt(URI picture, String session) throws BonafideException, IOException, InterruptedException {
        return face(picture.toString(), session);
    }

    private double face(String image, String session) throws BonafideException, IOException, InterruptedException {
        String basic = Base64.getEncoder().encodeToString((username + ":" + password).getBytes(StandardCharsets.UTF_8));
        String body = "{\"sessionId\":" + Json.quote(session) + ",\"faceImageBase\":" + Json.quote(image) + "}";
        return number(call(request("/api/v1/face/liveness", body.getBytes(StandardCharsets.UTF_8), "Authorization", "Basic " + basic,
            "Content-Type", "application/json"), Client::faceFault), "score");
    }

    private HttpRequest request(String path, byte[] body, String... headers) {
        return HttpRequest.newBuilder(URI.create(url + path)).timeout(timeout).headers(headers)
            .POST(BodyPublishers.ofByteArray(body)).build();
    }

    /** Tells what a reply says is wrong; null where nothing is. */
    private interface Protocol {
        BonafideException fault(int status, Map<?, ?> reply);
    }

    /** Sends the request, again where the server asks for it, and returns the reply. */
    private Map<?, ?> call(HttpRequest request, Protocol protocol) throws BonafideException, IOException, InterruptedException {
        for (int attempt = 0; ; attempt++) {
            HttpResponse<String> response = http.send(request, BodyHandlers.ofString());
            Map<?, ?> reply = parse(response.body());
            BonafideException fault = protocol.fault(response.statusCode(), reply);
            if (fault == null) {
                return reply;
            }
            fault.after(retryAfter(response.headers().firstValue("Retry-After").orElse("")));
            Duration wait = waitFor(attempt, fault);
            if (wait == null) {
                throw fault;
            }
            Thread.sleep(wait.toMillis());
        }
    }

    /** Returns how long to wait before the next attempt; null where there is none. */
    private Duration waitFor(int attempt, BonafideException fault) {
        if (attempt >= retries || fault.status() != 429 && fault.status() != 503) {
            return null;
        }
        if (!fault.retryAfter().isZero()) {
            return fault.retryAfter().compareTo(maxWait) <= 0 ? fault.retryAfter() : null;
        }
        long backoff = Math.min(FIRST_WAIT.toMillis() << Math.min(attempt, 10), MAX_BACKOFF.toMillis());
        return Duration.ofMillis(backoff / 2 + ThreadLocalRandom.current().nextLong(backoff / 2)); // not all clients at the same time
    }

    /** Reads the header, which has seconds or a date. */
    private static Duration retryAfter(String text) {
        try {
            Duration wait = text.matches("\\d{1,9}") ? Duration.ofSeconds(Long.parseLong(text))
                : Duration.between(Instant.now(), ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME));
            return wait.isNegative() ? Duration.ZERO : wait;
        } catch (DateTimeException e) {
            return Duration.ZERO;
        }
    }

    /** Returns the reply's object; an empty one where it is none. */
    private static Map<?, ?> parse(String text) {
        try {
            Object reply = Json.read(text);
            return reply instanceof Map ? (Map<?, ?>) reply : Map.of();
        } catch (IllegalArgumentException e) {
            return Map.of();
        }
    }

    private static Map<?, ?> map(Map<?, ?> of, String key) {
        return (Map<?, ?>) of.get(key);
    }

    private static double number(Map<?, ?> of, String key) {
        return (Double) of.get(key);
    }

    /** Returns the error for a status; that of a reply that is not the protocol's, such as a proxy's, has no code of its own. */
    private static BonafideException byStatus(int status, String code, String message) {
        return status >= 400 && status < 500 ? new BonafideException.Client(status, code, message)
            : new BonafideException.Server(status, code, message);
    }

    private static BonafideException byStatus(int status) {
        return byStatus(status, Integer.toString(status), "status " + status);
    }

    private static BonafideException lipSecureFault(int status, Map<?, ?> reply) {
        if (!(reply.get("error") instanceof Map)) {
            return byStatus(status);
        }
        Map<?, ?> error = map(reply, "error");
        String code = Integer.toString((int) number(error, "code"));
        String message = (String) error.get("message");
        switch (String.valueOf(error.get("type"))) {
            case "":
                return status == 200 ? null : byStatus(status);
            case "user":
                return new BonafideException.User(status, code, message);
            case "client":
                return new BonafideException.Client(status, code, message);
            default:
                return new BonafideException.Server(status, code, message);
        }
    }

    private static BonafideException selfieFault(int status, Map<?, ?> reply) {
        if (status == 200 && reply.get("response_data") instanceof Map) {
            return null;
        }
        if (!(reply.get("errors") instanceof List) || ((List<?>) reply.get("errors")).isEmpty()) {
            return byStatus(status);
        }
        Map<?, ?> error = (Map<?, ?>) ((List<?>) reply.get("errors")).get(0);
        return byStatus(status, (String) error.get("code"), (String) error.get("message"));
    }

    private static BonafideException faceFault(int status, Map<?, ?> reply) {
        if (!(reply.get("error") instanceof String)) {
            return status == 200 && reply.get("score") instanceof Double ? null : byStatus(status);
        }
        String[] parts = ((String) reply.get("error")).split(": ", 2);
        String code = parts[0];
        String message = parts[parts.length - 1];
        if (status != 200) {
            return byStatus(status, code, message);
        }
        switch (code) {
            case "IMAGE_NOT_FETCHED":
                return new BonafideException.Client(status, code, message);
            case "INTERNAL_ERROR":
                return new BonafideException.Server(status, code, message);
            default:
                return new BonafideException.User(status, code, message);
        }
    }

    /** A form as it is sent. */
    private static final class Form {
        private final String boundary = UUID.randomUUID().toString();
        private final ByteArrayOutputStream body = new ByteArrayOutputStream();

        String type() {
            return "multipart/form-data; boundary=" + boundary;
        }

        Form field(String name, String value) {
            return part("name=\"" + name + "\"", value.getBytes(StandardCharsets.UTF_8));
        }

        Form file(String name, byte[] content) {
            return part("name=\"" + name + "\"; filename=\"" + name + "\"", content);
        }

        private Form part(String names, byte[] content) {
            body.writeBytes(("--" + boundary + "\r\nContent-Disposition: form-data; " + names + "\r\n\r\n").getBytes(StandardCharsets.UTF_8));
            body.writeBytes(content);
            body.writeBytes("\r\n".getBytes(StandardCharsets.UTF_8));
            return this;
        }

        byte[] end() {
            body.writeBytes(("--" + boundary + "--\r\n").getBytes(StandardCharsets.UTF_8));
            return body.toByteArray();
        }
    }
}
