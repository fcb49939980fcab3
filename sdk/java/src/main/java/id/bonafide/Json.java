package id.bonafide;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads JSON into maps, lists, strings, doubles and booleans, since the Java library does not. */
final class Json {
    private static final int MAX_DEPTH = 64;

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** Returns the value of the text. IllegalArgumentException tells that it is not JSON. */
    static Object read(String text) {
        try {
            Json json = new Json(text);
            Object value = json.value(0);
            if (json.peek() != '\0') {
                throw new IllegalArgumentException("more than one value");
            }
            return value;
        } catch (StringIndexOutOfBoundsException e) {
            throw new IllegalArgumentException("JSON that breaks off", e);
        }
    }

    /** Returns the text as a JSON string. */
    static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }

    /** Returns the next character that is not a space, '\0' at the end. */
    private char peek() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        return at < text.length() ? text.charAt(at) : '\0';
    }

    private boolean skip(char c) {
        if (peek() != c) {
            return false;
        }
        at++;
        return true;
    }

    private void need(char c) {
        if (!skip(c)) {
            throw new IllegalArgumentException("no " + c + " at " + at);
        }
    }

    private Object value(int depth) {
        if (depth > MAX_DEPTH) {
            throw new IllegalArgumentException("too deep");
        }
        switch (peek()) {
            case '{':
                return object(depth);
            case '[':
                return array(depth);
            case '"':
                return string();
            default:
                return word();
        }
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> found = new LinkedHashMap<>();
        need('{');
        while (!skip('}')) {
            if (!found.isEmpty()) {
                need(',');
            }
            peek();
            String key = string();
            need(':');
            found.put(key, value(depth + 1));
        }
        return found;
    }

    private List<Object> array(int depth) {
        List<Object> found = new ArrayList<>();
        need('[');
        while (!skip(']')) {
            if (!found.isEmpty()) {
                need(',');
            }
            found.add(value(depth + 1));
        }
        return found;
    }

    private String string() {
        need('"');
        StringBuilder found = new StringBuilder();
        for (char c; (c = text.charAt(at++)) != '"'; ) {
            found.append(c == '\\' ? escaped() : c);
        }
        return found.toString();
    }

    private char escaped() {
        char c = text.charAt(at++);
        if (c == 'u') {
            at += 4;
            return (char) Integer.parseInt(text.substring(at - 4, at), 16);
        }
        int i = "bfnrt".indexOf(c);
        return i >= 0 ? "\b\f\n\r\t".charAt(i) : c;
    }

    private Object word() {
        int from = at;
        while (at < text.length() && ",]} \t\r\n".indexOf(text.charAt(at)) < 0) {
            at++;
        }
        String word = text.substring(from, at);
        switch (word) {
            case "true":
                return true;
            case "false":
                return false;
            case "null":
                return null;
            default:
                return Double.valueOf(word); // NumberFormatException is an IllegalArgumentException
        }
    }
}
