package org.javatuples;

import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;

/** Stands in for the class of javatuples, which the programs of MultiPL-E for Java import. */
public abstract class Tuple implements Iterable<Object>, Comparable<Tuple> {
  private final List<Object> values;

  protected Tuple(Object... values) {
    this.values = Collections.unmodifiableList(Arrays.asList(values.clone()));
  }

  /** The tuple of the right size for these values. */
  public static Tuple of(List<Object> v) {
    switch (v.size()) {
      case 1: return new Unit<>(v.get(0));
      case 2: return new Pair<>(v.get(0), v.get(1));
      case 3: return new Triplet<>(v.get(0), v.get(1), v.get(2));
      case 4: return new Quartet<>(v.get(0), v.get(1), v.get(2), v.get(3));
      case 5: return new Quintet<>(v.get(0), v.get(1), v.get(2), v.get(3), v.get(4));
      default: throw new IllegalArgumentException("no tuple of this size");
    }
  }

  public final List<Object> toList() {
    return values;
  }

  public final Object[] toArray() {
    return values.toArray();
  }

  public final int getSize() {
    return values.size();
  }

  public final Object getValue(int place) {
    return values.get(place);
  }

  public final boolean contains(Object value) {
    return values.contains(value);
  }

  public final int indexOf(Object value) {
    return values.indexOf(value);
  }

  @Override
  public final Iterator<Object> iterator() {
    return values.iterator();
  }

  @Override
  public final String toString() {
    return values.toString();
  }

  @Override
  public final int hashCode() {
    return 31 + values.hashCode();
  }

  @Override
  public final boolean equals(Object other) {
    return other != null && other.getClass() == getClass() && values.equals(((Tuple) other).values);
  }

  @Override
  @SuppressWarnings({"unchecked", "rawtypes"})
  public int compareTo(Tuple other) {
    for (int i = 0; i < Math.min(values.size(), other.values.size()); i++) {
      int order = ((Comparable) values.get(i)).compareTo(other.values.get(i));
      if (order != 0) return order;
    }
    return values.size() - other.values.size();
  }
}
