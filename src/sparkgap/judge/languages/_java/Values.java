package sparkgap;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.*;

/**
 * Values across, for Java: frames over stdin and stdout, and values as tagged bytes.
 *
 * <p>What is read is built anew, as one of the classes named here: no object of one side ever meets the other.
 */
public final class Values {
  /** The other side is gone. */
  public static final class Ended extends RuntimeException {}

  /** A value of a class that cannot cross. */
  public static final class Uncrossable extends RuntimeException {
    public Uncrossable(String what) {
      super(what + " cannot cross between the program and its tests");
    }
  }

  private static final int DEEPEST = 500;
  private final InputStream in;
  private final OutputStream out;

  public Values(InputStream in, OutputStream out) {
    this.in = new BufferedInputStream(in);
    this.out = out;
  }

  // --- Frames ---

  public byte[] receive() throws IOException {
    byte[] size = in.readNBytes(4);
    if (size.length < 4) throw new Ended();
    int count = (size[0] & 255) | (size[1] & 255) << 8 | (size[2] & 255) << 16 | (size[3] & 255) << 24;
    byte[] body = in.readNBytes(count);
    if (body.length < count) throw new Ended();
    return body;
  }

  public void send(char tag, byte[] rest) throws IOException {
    int count = rest.length + 1;
    byte[] frame = new byte[4 + count];
    for (int i = 0; i < 4; i++) frame[i] = (byte) (count >>> 8 * i);
    frame[4] = (byte) tag;
    System.arraycopy(rest, 0, frame, 5, rest.length);
    out.write(frame);
    out.flush();
  }

  // --- Values as bytes ---

  public static byte[] pack(Object value) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    put(new DataOutputStream(bytes), value, 0);
    return bytes.toByteArray();
  }

  public static Object unpack(byte[] body, int from) throws IOException {
    return get(new DataInputStream(new ByteArrayInputStream(body, from, body.length - from)), 0);
  }

  private static void put(DataOutputStream out, Object value, int depth) throws IOException {
    if (depth > DEEPEST) throw new Uncrossable("a value that holds itself, or is nested too deep,");
    if (value == null) out.writeByte('0');
    else if (value instanceof Integer) { out.writeByte('i'); out.writeInt((Integer) value); }
    else if (value instanceof Long) { out.writeByte('l'); out.writeLong((Long) value); }
    else if (value instanceof Double) { out.writeByte('d'); out.writeDouble((Double) value); }
    else if (value instanceof Float) { out.writeByte('f'); out.writeFloat((Float) value); }
    else if (value instanceof Boolean) { out.writeByte('z'); out.writeBoolean((Boolean) value); }
    else if (value instanceof Character) { out.writeByte('c'); out.writeChar((Character) value); }
    else if (value instanceof Short) { out.writeByte('h'); out.writeShort((Short) value); }
    else if (value instanceof Byte) { out.writeByte('b'); out.writeByte((Byte) value); }
    else if (value instanceof String) { out.writeByte('s'); text(out, (String) value); }
    else if (value instanceof BigInteger) { out.writeByte('I'); text(out, value.toString()); }
    else if (value instanceof BigDecimal) { out.writeByte('D'); text(out, value.toString()); }
    else if (value instanceof Optional) { out.writeByte('O'); put(out, ((Optional<?>) value).orElse(null), depth + 1); }
    else if (value instanceof org.javatuples.Tuple) { out.writeByte('T'); all(out, ((org.javatuples.Tuple) value).toList(), depth); }
    else if (value instanceof LinkedList) { out.writeByte('k'); all(out, (Collection<?>) value, depth); }
    else if (value instanceof List) { out.writeByte('L'); all(out, (Collection<?>) value, depth); }
    else if (value instanceof SortedSet) { out.writeByte('t'); all(out, (Collection<?>) value, depth); }
    else if (value instanceof Set) { out.writeByte('S'); all(out, (Collection<?>) value, depth); }
    else if (value instanceof Collection) { out.writeByte('q'); all(out, (Collection<?>) value, depth); }
    else if (value instanceof Map) map(out, (Map<?, ?>) value, depth);
    else if (value instanceof Map.Entry) {
      out.writeByte('e');
      put(out, ((Map.Entry<?, ?>) value).getKey(), depth + 1);
      put(out, ((Map.Entry<?, ?>) value).getValue(), depth + 1);
    } else if (value.getClass().isArray()) array(out, value, depth);
    else throw new Uncrossable("a value of " + value.getClass().getName());
  }

  private static void text(DataOutputStream out, String text) throws IOException {
    out.writeInt(text.length());
    out.writeChars(text);
  }

  private static void all(DataOutputStream out, Collection<?> items, int depth) throws IOException {
    Object[] copy = items.toArray();
    out.writeInt(copy.length);
    for (Object item : copy) put(out, item, depth + 1);
  }

  private static void map(DataOutputStream out, Map<?, ?> map, int depth) throws IOException {
    out.writeByte(map instanceof SortedMap ? 'N' : map instanceof LinkedHashMap ? 'H' : 'M');
    out.writeInt(map.size());
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      put(out, entry.getKey(), depth + 1);
      put(out, entry.getValue(), depth + 1);
    }
  }

  private static final Class<?>[] KINDS = {
    int.class, long.class, double.class, float.class, boolean.class, char.class, short.class, byte.class,
    Object.class, String.class, Integer.class, Long.class, Double.class, Boolean.class, Character.class, Float.class
  };

  private static void array(DataOutputStream out, Object array, int depth) throws IOException {
    Class<?> kind = array.getClass().getComponentType();
    int rank = 1;
    while (kind.isArray()) {
      kind = kind.getComponentType();
      rank++;
    }
    int number = Arrays.asList(KINDS).indexOf(kind);
    if (number < 0) throw new Uncrossable("an array of " + kind.getName());
    int length = Array.getLength(array);
    out.writeByte('a');
    out.writeByte(number);
    out.writeByte(rank);
    out.writeInt(length);
    for (int i = 0; i < length; i++) put(out, Array.get(array, i), depth + 1);
  }

  private static int count(DataInputStream in) throws IOException {
    int count = in.readInt();
    if (count < 0 || count > in.available()) throw new EOFException();
    return count;
  }

  private static Object get(DataInputStream in, int depth) throws IOException {
    if (depth > DEEPEST) throw new IOException("nested too deep");
    switch (in.readByte()) {
      case '0': return null;
      case 'i': return in.readInt();
      case 'l': return in.readLong();
      case 'd': return in.readDouble();
      case 'f': return in.readFloat();
      case 'z': return in.readBoolean();
      case 'c': return in.readChar();
      case 'h': return in.readShort();
      case 'b': return in.readByte();
      case 's': return text(in).intern(); // tests compare texts with == where literals would be the same object
      case 'I': return new BigInteger(text(in));
      case 'D': return new BigDecimal(text(in));
      case 'O': return Optional.ofNullable(get(in, depth + 1));
      case 'T': return org.javatuples.Tuple.of(filled(in, new ArrayList<>(), depth));
      case 'k': return filled(in, new LinkedList<>(), depth);
      case 'L': return filled(in, new ArrayList<>(), depth);
      case 't': return filled(in, new TreeSet<>(), depth);
      case 'S': return filled(in, new HashSet<>(), depth);
      case 'q': return filled(in, new ArrayDeque<>(), depth);
      case 'N': return filled(in, new TreeMap<>(), depth);
      case 'H': return filled(in, new LinkedHashMap<>(), depth);
      case 'M': return filled(in, new HashMap<>(), depth);
      case 'e': return new AbstractMap.SimpleEntry<>(get(in, depth + 1), get(in, depth + 1));
      case 'a': return array(in, depth);
      default: throw new IOException("no such tag");
    }
  }

  private static String text(DataInputStream in) throws IOException {
    char[] text = new char[count(in)];
    for (int i = 0; i < text.length; i++) text[i] = in.readChar();
    return new String(text);
  }

  private static <C extends Collection<Object>> C filled(DataInputStream in, C items, int depth) throws IOException {
    for (int left = count(in); left > 0; left--) items.add(get(in, depth + 1));
    return items;
  }

  private static <M extends Map<Object, Object>> M filled(DataInputStream in, M map, int depth) throws IOException {
    for (int left = count(in); left > 0; left--) {
      Object key = get(in, depth + 1);
      map.put(key, get(in, depth + 1));
    }
    return map;
  }

  private static Object array(DataInputStream in, int depth) throws IOException {
    int number = in.readByte();
    int rank = in.readByte();
    if (number < 0 || number >= KINDS.length || rank < 1 || rank > 8) throw new IOException("no such array");
    Class<?> kind = KINDS[number];
    for (int i = 1; i < rank; i++) kind = kind.arrayType();
    int length = count(in);
    Object array = Array.newInstance(kind, length);
    for (int i = 0; i < length; i++) Array.set(array, i, get(in, depth + 1));
    return array;
  }

  /** Give an argument the contents that it has on the other side. */
  @SuppressWarnings("unchecked")
  public static void become(Object mine, Object theirs) {
    try {
      if (mine instanceof Collection && theirs instanceof Collection) {
        if (mine.equals(theirs)) return;
        ((Collection<Object>) mine).clear();
        ((Collection<Object>) mine).addAll((Collection<Object>) theirs);
      } else if (mine instanceof Map && theirs instanceof Map) {
        if (mine.equals(theirs)) return;
        ((Map<Object, Object>) mine).clear();
        ((Map<Object, Object>) mine).putAll((Map<Object, Object>) theirs);
      } else if (mine != null && mine.getClass().isArray() && theirs != null && theirs.getClass() == mine.getClass()) {
        int length = Array.getLength(mine);
        if (length == Array.getLength(theirs)) System.arraycopy(theirs, 0, mine, 0, length);
      }
    } catch (UnsupportedOperationException fixed) {
      if (mine instanceof List && theirs instanceof List && ((List<?>) mine).size() == ((List<?>) theirs).size()) {
        for (int i = 0; i < ((List<Object>) mine).size(); i++) ((List<Object>) mine).set(i, ((List<Object>) theirs).get(i));
      }
    }
  }

  /** A value as a person reads it. */
  public static String show(Object value) {
    String text;
    if (value instanceof String) text = '"' + (String) value + '"';
    else if (value != null && value.getClass().isArray()) {
      String all = Arrays.deepToString(new Object[] {value});
      text = all.substring(1, all.length() - 1);
    } else text = String.valueOf(value);
    return text.length() > 400 ? text.substring(0, 400) : text;
  }
}
