package id.bonafide;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Runs the scenarios of all clients with this one and prints what came of each step, a line of JSON each. */
public final class Scenarios {
    private final Client client;
    private Client.Challenge last = new Client.Challenge("", "");

    private Scenarios(Client client) {
        this.client = client;
    }

    public static void main(String[] args) throws Exception {
        Map<?, ?> all = (Map<?, ?>) Json.read(Files.readString(Path.of(args[0])));
        for (Object one : (List<?>) all.get("scenarios")) {
            Map<?, ?> scenario = (Map<?, ?>) one;
            Scenarios scenarios = new Scenarios(clientFor(scenario));
            int i = 0;
            for (Object step : (List<?>) scenario.get("steps")) {
                System.out.printf("{\"scenario\":%s,\"step\":%d,\"outcome\":{%s}}%n",
                    Json.quote((String) scenario.get("name")), i++, scenarios.outcome((Map<?, ?>) step));
            }
        }
    }

    private static Client clientFor(Map<?, ?> scenario) {
        String name = URLEncoder.encode((String) scenario.get("name"), StandardCharsets.UTF_8).replace("+", "%20");
        String url = Map.of("real", env("URL"), "stub", env("STUB") + "/" + name, "none", "http://127.0.0.1:1").get(scenario.get("server"));
        boolean wrong = scenario.containsKey("wrong");
        Client client = new Client(url).lipSecure(wrong ? "wrong" : env("API_KEY"))
            .selfieLiveness(env("APP_ID"), wrong ? "wrong" : env("APP_KEY"))
            .faceLiveness(env("USERNAME"), wrong ? "wrong" : env("PASSWORD"));
        if (scenario.containsKey("timeout")) {
            client.timeout(Duration.ofMillis((long) (1000 * (Double) scenario.get("timeout"))));
        }
        if (scenario.containsKey("retries")) {
            client.retries(((Double) scenario.get("retries")).intValue());
        }
        return client;
    }

    private static String env(String name) {
        return System.getenv("BONAFIDE_" + name);
    }

    private String outcome(Map<?, ?> step) throws InterruptedException {
        try {
            return run(step);
        } catch (BonafideException e) {
            return String.format("\"error\":%s,\"code\":%s,\"status\":%d,\"message\":%s,\"retryAfter\":%d",
                Json.quote(e.getClass().getSimpleName().toLowerCase()), Json.quote(e.code()), e.status(), Json.quote(e.getMessage()), e.retryAfter().toSeconds());
        } catch (HttpTimeoutException e) {
            return "\"error\":\"timeout\"";
        } catch (IOException e) {
            return "\"error\":\"connection\"";
        }
    }

    private String run(Map<?, ?> step) throws BonafideException, IOException, InterruptedException {
        switch ((String) step.get("call")) {
            case "challenge":
                last = client.challenge();
                return "\"transactionId\":" + Json.quote(last.transactionId) + ",\"phrase\":" + Json.quote(last.phrase);
            case "verify":
                String transaction = step.containsKey("transaction") ? (String) step.get("transaction") : last.transactionId;
                return "\"score\":" + client.verify(transaction, media(step));
            case "selfie":
                Client.Selfie v = step.containsKey("threshold") ? client.selfie(media(step), (Double) step.get("threshold")) : client.selfie(media(step));
                return String.format("\"live\":%b,\"score\":%s,\"faces\":%d,\"width\":%d,\"height\":%d", v.live, v.score, v.faces.size(), v.width, v.height);
            case "face":
                return "\"score\":" + client.face(media(step), "scenario");
            case "faceAt":
                return "\"score\":" + client.faceAt(URI.create((String) step.get("url")), "scenario");
            default:
                throw new IllegalArgumentException("no call " + step);
        }
    }

    private byte[] media(Map<?, ?> step) throws InterruptedException {
        URI from = URI.create(env("STUB") + "/media/" + step.get("media") + "?phrase=" + last.phrase);
        try {
            HttpResponse<byte[]> reply = HttpClient.newHttpClient().send(HttpRequest.newBuilder(from).build(), BodyHandlers.ofByteArray());
            if (reply.statusCode() != 200) {
                throw new IllegalStateException(from + " has status " + reply.statusCode());
            }
            return reply.body();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
