import id.bonafide.BonafideException;
import id.bonafide.Client;
import java.nio.file.Files;
import java.nio.file.Path;

/** Asks for a phrase and sends recording.mp4 for it. */
public class Example {
    public static void main(String[] args) throws Exception {
        Client client = new Client(System.getenv("BONAFIDE_URL")).lipSecure(System.getenv("BONAFIDE_API_KEY"));
        Client.Challenge challenge = client.challenge();
        System.out.println("say " + challenge.phrase);
        try {
            double score = client.verify(challenge.transactionId, Files.readAllBytes(Path.of("recording.mp4")));
            System.out.println((score >= 98 ? "live " : "not live ") + score);
        } catch (BonafideException.User e) {
            System.out.println("try again: " + e.getMessage());
        }
    }
}
